package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockOp;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class QuirksTest {
    private final Fixture f = new Fixture();

    @AfterEach
    void end() {
        f.close();
    }

    private void startAs(int vendor, int device) {
        f.hal.device.vendor = vendor;
        f.hal.device.deviceId = device;
        f.start();
    }

    @Test
    void mostControllersHaveNone() {
        assertThat(Quirks.of(f.hal.device)).isEmpty();
    }

    @Test
    void identifiersThatAreTheSameOnEveryUnitAreNotReported() {
        startAs(0x1b36, 0x0010);
        assertThat(f.disk().identity().uniqueId()).isEmpty();
    }

    @Test
    void writeZeroesThatDamagesDataIsNotOffered() {
        startAs(0x15b7, 0x2001);
        assertThat(f.disk().limits().supports(BlockOp.WRITE_ZEROES)).isFalse();
        assertThat(f.disk().limits().supports(BlockOp.DISCARD)).isTrue();
    }

    @Test
    void whereIdentifyKnowsLittleNamespacesAreTried() {
        f.nvme.commandSets = 1;
        f.commands.namespaces.put(3, new FakeNamespace(8, 9));
        f.commands.oldIdentify = true;
        startAs(0x8086, 0x5845);
        assertThat(f.context.published).containsOnlyKeys("nvme0n1", "nvme0n3");
    }

    @Test
    void addressesStayWithinWhatTheControllerForms() {
        startAs(0x1d0f, 0x8061);
        assertThat(f.hal.addressBits).isEqualTo(48);
    }

    @Test
    void registersAreLeftAloneAfterDisabling() {
        f.hal.device.vendor = 0x144d;
        f.hal.device.deviceId = 0xa821;
        f.start();
        f.nvme.fatal = 1;
        f.runAgents();
        assertThat(f.nvme.resets).isEqualTo(1);
        int accesses = f.nvme.mmioAccesses;
        f.runAgents();
        assertThat(f.nvme.mmioAccesses).isEqualTo(accesses);
        // Not to wait for 2.3 s in stop as well.
        f.running = false;
    }

    @Test
    void theCombinationOfCommandSetsWithMostIsChosen() {
        MemorySegment data = MemorySegment.ofArray(new byte[4096]);
        assertThat(CommandSets.choose(data)).isEqualTo(-1);
        data.set(ValueLayout.JAVA_LONG_UNALIGNED, 8, 0b110);
        data.set(ValueLayout.JAVA_LONG_UNALIGNED, 16, 0b001);
        data.set(ValueLayout.JAVA_LONG_UNALIGNED, 40, 0b101);
        assertThat(CommandSets.choose(data)).isEqualTo(5);
    }
}
