package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.api.Disk.Backing;
import helix.block.api.Disk.State;
import helix.driver.kit.MemoryBlockDevice;
import java.util.Set;
import org.junit.jupiter.api.Test;

class DiskTableTest {
    private final Rig rig = new Rig();

    @Test
    void aMediumIsPublishedOnceUnderTheWishedName() {
        rig.serve(Rig.drive("A"), "0000:00:04.0", "nvme0n1");

        assertThat(rig.published).hasSize(1);
        StableDisk disk = rig.published.getFirst();
        assertThat(disk.name()).isEqualTo("nvme0n1");
        assertThat(disk.state()).isEqualTo(State.PRESENT);
        assertThat(disk.backing()).contains(new Backing("0000:00:04.0", "nvme", 1));
        assertThat(disk.totalBlocks()).isEqualTo(4096);
    }

    @Test
    void theSameSerialInAnotherSlotRevivesTheSameDisk() {
        rig.unplug(rig.serve(Rig.drive("A"), "0000:00:04.0", "nvme0n1"));
        StableDisk disk = rig.published.getFirst();
        assertThat(disk.state()).isEqualTo(State.ABSENT);
        assertThat(disk.backing()).isEmpty();

        rig.serve(Rig.drive("A"), "0000:00:05.0", "nvme1n1");

        assertThat(rig.published).containsExactly(disk);
        assertThat(disk.name()).isEqualTo("nvme0n1");
        assertThat(disk.state()).isEqualTo(State.PRESENT);
    }

    @Test
    void anotherSerialInTheSameSlotIsAnotherDisk() {
        rig.unplug(rig.serve(Rig.drive("A"), "0000:00:04.0", "nvme0n1"));
        rig.serve(Rig.drive("B"), "0000:00:04.0", "nvme0n1");

        assertThat(rig.published)
                .extracting(StableDisk::name)
                .containsExactly("nvme0n1", "nvme1n1");
        assertThat(rig.published)
                .extracting(StableDisk::state)
                .containsExactly(State.ABSENT, State.PRESENT);
    }

    @Test
    void withoutItsDriverADiskIsDriverlessUntilTheDeviceGoes() {
        Backend backend = rig.serve(Rig.drive("A"), "0000:00:04.0", "nvme0n1");
        StableDisk disk = rig.published.getFirst();

        rig.table.removed(backend);
        assertThat(disk.state()).isEqualTo(State.DRIVERLESS);
        rig.table.deviceRemoved("0000:00:04.0");
        assertThat(disk.state()).isEqualTo(State.ABSENT);
        rig.table.deviceAdded("0000:00:04.0");
        assertThat(disk.state()).as("who knows what was plugged").isEqualTo(State.ABSENT);
    }

    @Test
    void aNewGenerationMayComeBeforeTheOldOneGoes() {
        Backend old = rig.serve(Rig.drive("A"), "0000:00:04.0", "nvme0n1");
        rig.serve(Rig.drive("A"), "0000:00:04.0", "nvme0n1");
        rig.table.removed(old);

        assertThat(rig.published).hasSize(1);
        assertThat(rig.published.getFirst().state()).isEqualTo(State.PRESENT);
        assertThat(rig.published.getFirst().backing().orElseThrow().generation()).isEqualTo(2);
    }

    @Test
    void twoMediaWithOneSerialAreToldApartAndKeepTheirNames() {
        Backend first = rig.serve(Rig.drive("A"), "0000:00:04.0", "nvme0n1");
        Backend second = rig.serve(Rig.drive("A"), "0000:00:05.0", "nvme1n1");
        assertThat(rig.published)
                .extracting(StableDisk::name)
                .containsExactly("nvme0n1", "nvme1n1");

        rig.unplug(first);
        rig.unplug(second);
        rig.serve(Rig.drive("A"), "0000:00:05.0", "nvme1n1");

        assertThat(rig.published)
                .extracting(StableDisk::state)
                .containsExactly(State.ABSENT, State.PRESENT);
    }

    @Test
    void mediaWithoutSerialAreToldApartByTheirDevices() {
        rig.serve(Rig.drive(""), "0000:00:04.0", "vblk0");
        rig.serve(Rig.drive(""), "0000:00:05.0", "vblk1");

        assertThat(rig.published).extracting(StableDisk::name).containsExactly("vblk0", "vblk1");
    }

    @Test
    void aDriveMovedWhileItsDriverIsAwayIsNotTakenForTheOneInTheOldSlot() {
        Backend first = rig.serve(Rig.drive("A"), "0000:00:04.0", "nvme0n1");
        rig.table.removed(first);
        MemoryBlockDevice twin = Rig.drive("A");
        rig.serve(twin, "0000:00:05.0", "nvme1n1");

        assertThat(rig.published)
                .extracting(StableDisk::state)
                .containsExactly(State.DRIVERLESS, State.PRESENT);
    }

    @Test
    void aDeviceThatSaysItIsAnotherAfterARestartLeavesItsOldDiskAbsent() {
        Backend first = rig.serve(Rig.drive("A"), "0000:00:04.0", "vblk0");
        rig.table.removed(first);
        rig.serve(Rig.drive("B"), "0000:00:04.0", "vblk0");

        assertThat(rig.published)
                .extracting(StableDisk::state)
                .containsExactly(State.ABSENT, State.PRESENT);

        Backend again = rig.serve(Rig.drive("A"), "0000:00:05.0", "vblk1");
        assertThat(rig.published.getFirst().state()).isEqualTo(State.PRESENT);
        rig.unplug(again);
    }

    @Test
    void itDoesSoAlsoIfItsNextGenerationComesFirst() {
        Backend first = rig.serve(Rig.drive("A"), "0000:00:04.0", "vblk0");
        rig.serve(Rig.drive("B"), "0000:00:04.0", "vblk0");
        rig.table.removed(first);

        assertThat(rig.published)
                .extracting(StableDisk::state)
                .containsExactly(State.ABSENT, State.PRESENT);
    }

    @Test
    void anotherNamespaceOfADeviceDoesNotReplaceOneThatHasNotComeYet() {
        Backend first = rig.serve(Rig.drive("A"), "0000:00:04.0", "nvme0n1");
        rig.table.removed(first);
        rig.serve(Rig.drive("A", 2), "0000:00:04.0", "nvme0n2");

        assertThat(rig.published)
                .extracting(StableDisk::state)
                .containsExactly(State.DRIVERLESS, State.PRESENT);
    }

    @Test
    void namesKeepTheirShape() {
        assertThat(DiskNames.next("nvme0n1", Set.of())).isEqualTo("nvme0n1");
        assertThat(DiskNames.next("nvme0n1", Set.of("nvme0n1"))).isEqualTo("nvme1n1");
        assertThat(DiskNames.next("nvme0n2", Set.of("nvme0n2", "nvme1n2"))).isEqualTo("nvme2n2");
        assertThat(DiskNames.next("vblk9", Set.of("vblk9"))).isEqualTo("vblk10");
        assertThat(DiskNames.next("disk", Set.of("disk"))).isEqualTo("disk1");
    }
}
