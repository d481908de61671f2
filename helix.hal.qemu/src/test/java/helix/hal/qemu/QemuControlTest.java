package helix.hal.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.machine.Machine.Listener;
import helix.hal.api.machine.Machine.State;
import helix.hal.api.machine.MachineControl;
import helix.hal.api.machine.PciHost;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// Hot-plug and faults on a real QEMU. The tests share one machine and leave it as it was.
class QemuControlTest {
    private static final int PORT = 2 << 3;
    private static final int SLOT_CONTROL = 0x18;
    private static final int SLOT_STATUS = 0x1A;
    private static final int POWER_OFF = 1 << 10;
    private static final int POWER_INDICATOR_OFF = 3 << 8;
    private static final int POWER_INDICATOR_ON = 1 << 8;
    private static final int ATTENTION_BUTTON = 1;
    private static final int PRESENCE = 1 << 6;

    private static QemuMachine machine;
    private static PciHost pci;
    private static MachineControl control;

    @BeforeAll
    static void start() {
        assumeTrue(
                QemuProcess.find(QemuCommandLine.PROGRAM).isPresent(),
                QemuCommandLine.PROGRAM + " is not installed");
        machine =
                QemuMachine.start(
                        new QemuMachine.Settings(
                                MachineProfile.standard(),
                                List.of(new DiskSpec.Memory(64 << 20), new DiskSpec.Null(1L << 30)),
                                List.of()));
        pci = machine.pci().orElseThrow();
        control = machine.control();
        // Bus 1 behind the first port, as the HAL would number it.
        pci.writeConfig(0, PORT, 0x18, 4, 0x0001_0100);
    }

    @AfterAll
    static void stop() {
        if (machine != null) {
            machine.close();
        }
    }

    /// What goes with a card goes when it does: the name of its network is free for the next.
    @Test
    void virtioDevicesArePluggedAndUnplugged() {
        for (int round = 0; round < 2; round++) {
            plugAndUnplug("virtio-blk", Map.of("size", "64M", "serial", "v1", "id", "v1"), 0x1042);
            plugAndUnplug("virtio-net", Map.of("id", "n1", "mac", "52:54:00:00:00:11"), 0x1041);
        }
    }

    private static void plugAndUnplug(String kind, Map<String, String> options, int device) {
        String id = control.plug(kind, options);
        awaitStatus(PRESENCE);
        slotPower(true);
        awaitId(device << 16 | 0x1AF4);
        clearStatus();
        var unplugged = CompletableFuture.runAsync(() -> control.unplug(id));
        awaitStatus(ATTENTION_BUTTON);
        slotPower(false);
        assertThat(unplugged).succeedsWithin(Duration.ofSeconds(5));
        assertThat(control.plugged()).doesNotContain(id);
    }

    @Test
    void driveIsPluggedAndUnplugged() {
        Semaphore changes = new Semaphore(0);
        var listener =
                machine.listen(
                        new Listener() {
                            @Override
                            public void pciChanged() {
                                changes.release();
                            }
                        });
        try (listener) {
            for (int round = 0; round < 2; round++) {
                String id =
                        control.plug(
                                "nvme",
                                Map.of(
                                        "size",
                                        "64M",
                                        "serial",
                                        "s1",
                                        "id",
                                        "d1",
                                        "block-size",
                                        "4096"));
                assertThat(id).isEqualTo("d1");
                assertThat(control.plugged()).contains("d1");
                awaitStatus(PRESENCE);
                slotPower(true);
                awaitClass(0x010802);
                clearStatus();

                var unplugged = CompletableFuture.runAsync(() -> control.unplug("d1"));
                awaitStatus(ATTENTION_BUTTON);
                assertThat(unplugged).isNotDone();
                slotPower(false);
                assertThat(unplugged).succeedsWithin(Duration.ofSeconds(5));
                assertThat(control.plugged()).doesNotContain("d1");
                assertThat(pci.readConfig(1, 0, 0, 4)).isEqualTo(-1);
            }
            assertThat(changes.tryAcquire(6, 2, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void driveWhoseSlotIsPoweredOffUnaskedIsGoneToo() {
        control.plug("nvme", Map.of("size", "64M", "id", "d2"));
        slotPower(true);
        awaitClass(0x010802);
        slotPower(false);
        await(() -> !control.plugged().contains("d2"));
        assertThatThrownBy(() -> control.unplug("d2"))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("'d2' is not plugged");
    }

    private static int capability() {
        for (int at = pci.readConfig(0, PORT, 0x34, 1); at != 0; ) {
            if (pci.readConfig(0, PORT, at, 1) == 0x10) {
                return at;
            }
            at = pci.readConfig(0, PORT, at + 1, 1);
        }
        throw new AssertionError("no PCI Express capability");
    }

    private static void slotPower(boolean on) {
        int capability = capability();
        clearStatus();
        pci.writeConfig(
                0,
                PORT,
                capability + SLOT_CONTROL,
                2,
                on ? POWER_INDICATOR_ON : POWER_OFF | POWER_INDICATOR_OFF);
    }

    /// QEMU ignores a write that clears bits which are not set.
    private static void clearStatus() {
        int status = capability() + SLOT_STATUS;
        pci.writeConfig(0, PORT, status, 2, pci.readConfig(0, PORT, status, 2));
    }

    private static void awaitStatus(int bit) {
        await(() -> (pci.readConfig(0, PORT, capability() + SLOT_STATUS, 2) & bit) != 0);
    }

    private static void awaitId(int deviceAndVendor) {
        await(() -> pci.readConfig(1, 0, 0, 4) == deviceAndVendor);
    }

    private static void awaitClass(int code) {
        await(() -> pci.readConfig(1, 0, 8, 4) >>> 8 == code);
    }

    private static void await(BooleanSupplier condition) {
        Deadline deadline = Deadline.afterMillis(5000);
        while (!condition.getAsBoolean()) {
            assertThat(deadline.isExpired()).isFalse();
            LockSupport.parkNanos(1_000_000);
        }
    }

    @Test
    void pluggingSaysWhatIsWrong() {
        assertRefused("nvme", Map.of(), "needs file= or size=");
        assertRefused("nvme", Map.of("size", "x"), "'x' is no size");
        assertRefused("nvme", Map.of("file", "/no/such"), "disk /no/such: no such file");
        assertRefused("nvme", Map.of("size", "1M", "colour", "red"), "'colour' is no option");
        assertRefused("nvme", Map.of("size", "1M", "block-size", "7"), "512 or 4096");
        assertRefused(
                "floppy",
                Map.of(),
                "'floppy' cannot be plugged; there is: nvme, virtio-blk, virtio-net");
        assertRefused("virtio-net", Map.of("size", "1M"), "'size' is no option here");
        assertRefused("virtio-net", Map.of("netdev", "none"), "none");
        assertThatThrownBy(() -> control.unplug("nobody"))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("'nobody' is not plugged");
    }

    private static void assertRefused(String kind, Map<String, String> options, String why) {
        assertThatThrownBy(() -> control.plug(kind, options))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining(why);
    }

    @Test
    void mediumFailsAndHeals() {
        for (String disk : List.of("drive0", "drive1")) {
            for (String kind : List.of("read", "write", "flush")) {
                assertThat(control.fault("media-error", Map.of("disk", disk, "on", kind)))
                        .contains("every " + kind + " of " + disk);
            }
            control.fault("media-error", Map.of("disk", disk, "sector", "8"));
            long before = failedReads(disk);
            qemuIo(disk, "aio_read 0 512");
            qemuIo(disk, "aio_read 4096 512");
            await(() -> failedReads(disk) == before + 1);
            control.fault("media-clear", Map.of("disk", disk));
            qemuIo(disk, "aio_read 4096 512");
            qemuIo(disk, "aio_flush");
            assertThat(failedReads(disk)).isEqualTo(before + 1);
            control.fault("media-clear", Map.of("disk", disk));
        }
        assertThatThrownBy(() -> control.fault("media-error", Map.of("disk", "nobody")))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("no drive 'nobody'");
    }

    /// QEMU's own test requests through the drive's block stack.
    private static void qemuIo(String disk, String command) {
        JsonObject arguments = new JsonObject();
        arguments.addProperty("command-line", "qemu-io -d " + disk + " \"" + command + "\"");
        machine.qmp().execute("human-monitor-command", arguments, Duration.ofSeconds(5));
    }

    private static long failedReads(String disk) {
        for (JsonElement drive :
                machine.qmp()
                        .execute("query-blockstats", new JsonObject(), Duration.ofSeconds(5))
                        .getAsJsonArray()) {
            JsonObject stats = drive.getAsJsonObject();
            if (stats.has("qdev") && stats.get("qdev").getAsString().contains(disk)) {
                return stats.getAsJsonObject("stats").get("failed_rd_operations").getAsLong();
            }
        }
        throw new AssertionError("no statistics of " + disk);
    }

    @Test
    void driveIsThrottled() {
        assertThat(control.fault("throttle", Map.of("iops", "10"))).contains("iops=10");
        assertThat(control.fault("throttle", Map.of("iops", "0"))).contains("freely");
    }

    @Test
    void cableIsPulled() {
        int status = 0x08;
        int e1000 = 0x0B << 3;
        pci.writeConfig(0, e1000, 0x10, 4, 0xC010_0000);
        pci.writeConfig(0, e1000, 4, 2, 2);
        control.fault("link-down", Map.of("nic", "nic0"));
        assertThat(pci.memory().read32(0xC010_0000L + status) & 2).isZero();
        control.fault("link-up", Map.of("nic", "nic0"));
        assertThat(control.fault("link-up", Map.of("nic", "nic0"))).contains("up");
    }

    @Test
    void stallEndsByItself() {
        control.fault("stall", Map.of("seconds", "2"));
        assertThatThrownBy(() -> pci.readConfig(0, 0, 0, 4)).isInstanceOf(DeviceException.class);
        await(() -> machine.status().state() == State.READY);
        assertThat(pci.readConfig(0, 0, 0, 2)).isEqualTo(0x8086);
    }

    @Test
    void machineComesUpAgainAfterAReset() {
        pci.writeConfig(0, 4 << 3, 0x10, 4, 0xC000_0000);
        control.fault("reset", Map.of());
        await(() -> pci.readConfig(0, 0, 0, 4) == 0x29C0_8086);
        assertThat(pci.readConfig(0, 4 << 3, 0x10, 4)).isEqualTo(4);
        assertThat(pci.readConfig(0, QemuPciHost.MESSAGE_DEVFN, 0x10, 4))
                .isEqualTo((int) QemuPciHost.MESSAGE_BAR0);
        pci.writeConfig(0, PORT, 0x18, 4, 0x0001_0100);
    }

    @Test
    void unknownFaultListsTheKnown() {
        assertThatThrownBy(() -> control.fault("flood", Map.of()))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("media-error");
        assertThat(control.faults()).extracting(MachineControl.Choice::name).contains("stall");
    }
}
