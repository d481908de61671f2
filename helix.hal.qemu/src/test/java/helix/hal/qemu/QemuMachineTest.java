package helix.hal.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.machine.BusAccess;
import helix.hal.api.machine.Machine.Listener;
import helix.hal.api.machine.Machine.State;
import helix.hal.api.machine.Machine.Status;
import helix.hal.api.machine.MessageInterrupts.Messages;
import helix.hal.api.machine.PciHost;
import helix.posix.EventFd;
import helix.posix.PollSet;
import java.io.File;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// The machine over a real QEMU.
class QemuMachineTest {
    private static final int NVME = 4 << 3;
    private static final long NVME_BAR = 0xC000_0000L;

    private QemuMachine machine;
    private PciHost pci;
    private BusAccess memory;

    @BeforeEach
    void start() {
        assumeTrue(
                QemuProcess.find(QemuCommandLine.PROGRAM).isPresent(),
                QemuCommandLine.PROGRAM + " is not installed");
        machine =
                QemuMachine.start(
                        new QemuMachine.Settings(
                                MachineProfile.standard(),
                                List.of(new DiskSpec.Null(64 << 20)),
                                List.of()));
        pci = machine.pci().orElseThrow();
        memory = pci.memory();
    }

    @AfterEach
    void stop() {
        if (machine != null) {
            machine.close();
            assertThat(ProcessHandle.of(machine.process().pid())).isEmpty();
        }
    }

    @Test
    void configSpaceIsReadByEcam() {
        assertThat(pci.configSize()).isEqualTo(4096);
        // Intel, 82G33/G31/P35/P31 Express DRAM Controller: q35's host bridge.
        assertThat(pci.readConfig(0, 0, 0, 4)).isEqualTo(0x29C0_8086);
        assertThat(pci.readConfig(0, 0, 2, 2)).isEqualTo(0x29C0);
        assertThat(pci.readConfig(0, 0, 1, 1)).isEqualTo(0x80);
        assertThat(pci.readConfig(7, 0, 0, 4)).isEqualTo(-1);
        assertThat(machine.counters().configAccesses()).isGreaterThan(4);
    }

    @Test
    void firstDriveIsAnNvmeControllerAtDevice4() {
        assertThat(pci.readConfig(0, NVME, 8, 4) >>> 8).isEqualTo(0x010802);
    }

    @Test
    void registersAreReadAndWritten() {
        mapNvme();
        // VS: the model implements 1.4.
        assertThat(memory.read32(NVME_BAR + 8)).isEqualTo(0x0001_0400);
        memory.write32(NVME_BAR + 0x24, 0x001F_001F);
        memory.write64(NVME_BAR + 0x28, 0x0000_0000_0123_4000L);
        assertThat(memory.read32(NVME_BAR + 0x24)).isEqualTo(0x001F_001F);
        assertThat(memory.read64(NVME_BAR + 0x28)).isEqualTo(0x0123_4000L);
    }

    private void mapNvme() {
        pci.writeConfig(0, NVME, 0x10, 4, (int) NVME_BAR);
        pci.writeConfig(0, NVME, 0x14, 4, 0);
        pci.writeConfig(0, NVME, 4, 2, 6);
    }

    @Test
    void messageArrivesAsEventFd() {
        try (Messages messages = machine.messages().allocate(4).orElseThrow()) {
            assertThat(messages.data() & 3).isZero();
            memory.write32(messages.address(), messages.data() + 3);
            assertThat(isSignalled(messages.eventFd(3))).isTrue();
            assertThat(isSignalledNow(messages.eventFd(2))).isFalse();
        }
        assertThat(machine.messages().available()).isEqualTo(256);
    }

    private static boolean isSignalled(int eventFd) {
        PollSet poll = new PollSet(1);
        poll.add(eventFd);
        return poll.await(2000) > 0;
    }

    private static boolean isSignalledNow(int eventFd) {
        PollSet poll = new PollSet(1);
        poll.add(eventFd);
        return poll.await(0) > 0;
    }

    @Test
    void lineOfTheSerialPortGoesUpAndDown() {
        BusAccess ports = machine.ports().orElseThrow();
        try (EventFd up = EventFd.create()) {
            try (var _ = machine.lines().connect(4, up.fd())) {
                assertThat(machine.lines().isRaised(4)).isFalse();
                // MCR.OUT2 gates the line, IER.ETBEI asks for it while the transmitter is empty.
                ports.write8(0x3FC, (byte) 8);
                ports.write8(0x3F9, (byte) 2);
                assertThat(isSignalled(up.fd())).isTrue();
                assertThat(machine.lines().isRaised(4)).isTrue();
                ports.read8(0x3FA);
                assertThat(machine.lines().isRaised(4)).isFalse();
            }
        }
    }

    @Test
    void pinOfTheNetworkCardRaisesItsRoutedLine() {
        int e1000 = 0x0B << 3;
        long bar = NVME_BAR + 0x10_0000;
        pci.writeConfig(0, e1000, 0x10, 4, (int) bar);
        pci.writeConfig(0, e1000, 4, 2, 2);
        int line = pci.line(0x0B, pci.readConfig(0, e1000, 0x3D, 1));
        try (EventFd up = EventFd.create();
                var _ = machine.lines().connect(line, up.fd())) {
            // IMS and ICS: allow the link status interrupt, and cause it.
            memory.write32(bar + 0xD0, 4);
            memory.write32(bar + 0xC8, 4);
            assertThat(isSignalled(up.fd())).isTrue();
            assertThat(machine.lines().isRaised(line)).isTrue();
            // ICR clears when it is read.
            memory.read32(bar + 0xC0);
            assertThat(machine.lines().isRaised(line)).isFalse();
        }
    }

    @Test
    void killedQemuIsAGoneMachineWithinMilliseconds() throws InterruptedException {
        BlockingQueue<Status> seen = listen();
        machine.process().signal("KILL");
        Status status = seen.poll(2, TimeUnit.SECONDS);
        assertThat(status).isNotNull();
        assertThat(status.state()).isEqualTo(State.FAILED);
        long start = System.nanoTime();
        assertThatThrownBy(() -> memory.read32(NVME_BAR)).isInstanceOf(DeviceGoneException.class);
        assertThatThrownBy(() -> pci.readConfig(0, 0, 0, 4))
                .isInstanceOf(DeviceGoneException.class);
        assertThat(System.nanoTime() - start).isLessThan(100_000_000);
        assertThat(machine.status().state()).isEqualTo(State.FAILED);
    }

    private BlockingQueue<Status> listen() {
        BlockingQueue<Status> seen = new LinkedBlockingQueue<>();
        machine.listen(
                new Listener() {
                    @Override
                    public void statusChanged(Status status) {
                        seen.add(status);
                    }
                });
        return seen;
    }

    @Test
    void stoppedQemuIsAStalledMachineThatRecovers() throws InterruptedException {
        mapNvme();
        BlockingQueue<Status> seen = listen();
        machine.control().fault("stall", Map.of());
        assertThatThrownBy(() -> memory.read32(NVME_BAR + 8))
                .isInstanceOf(DeviceTimeoutException.class)
                .hasMessageContaining("machine qemu is stalled");
        assertThat(seen.poll(2, TimeUnit.SECONDS).state()).isEqualTo(State.STALLED);
        long start = System.nanoTime();
        assertThatThrownBy(() -> memory.write32(NVME_BAR + 0x24, 1))
                .isInstanceOf(DeviceTimeoutException.class);
        assertThat(System.nanoTime() - start).isLessThan(100_000_000);
        machine.control().fault("resume", Map.of());
        assertThat(seen.poll(2, TimeUnit.SECONDS)).isEqualTo(new Status(State.READY, ""));
        assertThat(memory.read32(NVME_BAR + 8)).isEqualTo(0x0001_0400);
        assertThat(memory.read32(NVME_BAR + 0x24)).isZero();
    }

    @Test
    void interruptedThreadDoesNotBreakTheMachine() {
        mapNvme();
        Thread.currentThread().interrupt();
        assertThat(memory.read32(NVME_BAR + 8)).isEqualTo(0x0001_0400);
        assertThat(Thread.interrupted()).isTrue();
        assertThat(memory.read32(NVME_BAR + 8)).isEqualTo(0x0001_0400);
    }

    @Test
    void ramIsReachedByItsDmaWindow() {
        var window = machine.dmaWindows().getFirst();
        assertThat(window.deviceAddress()).isEqualTo(1 << 20);
        assertThat(window.memory().byteSize()).isEqualTo(255 << 20);
        memory.write32(0x0123_4560L, 0xCAFE_F00D);
        assertThat(memory.read32(0x0123_4560L)).isEqualTo(0xCAFE_F00D);
        assertThat(window.memory().get(ValueLayout.JAVA_INT, 0x0123_4560L - window.deviceAddress()))
                .isEqualTo(0xCAFE_F00D);
    }

    @Test
    void messagesRunOutAndComeBack() {
        var source = machine.messages();
        try (Messages all = source.allocate(256).orElseThrow()) {
            assertThat(source.available()).isZero();
            assertThat(source.allocate(1)).isEmpty();
            assertThat(all.eventFd(255)).isPositive();
        }
        try (Messages one = source.allocate(1).orElseThrow();
                Messages three = source.allocate(3).orElseThrow()) {
            assertThat(one.data()).isZero();
            assertThat(three.data()).isEqualTo(4);
        }
        assertThat(source.allocate(257)).isEmpty();
    }

    @Test
    void profileShowsAllItsFunctions() {
        List<Integer> classes = new ArrayList<>();
        for (int devfn = 0; devfn < 256; devfn++) {
            if (pci.readConfig(0, devfn, 0, 4) != -1) {
                classes.add(pci.readConfig(0, devfn, 8, 4) >>> 8);
            }
        }
        // NVMe, SATA, SCSI (virtio-blk), Ethernet, xHCI, display, input, root ports, bridge, SMBus
        assertThat(classes)
                .contains(0x010802, 0x010601, 0x010000, 0x020000, 0x0C0330, 0x060400, 0x060100);
        assertThat(classes.size()).isGreaterThan(18);
        assertThat(pci.reservation(0, QemuPciHost.MESSAGE_DEVFN)).isPresent();
        assertThat(machine.platformDevices()).hasSize(3);
    }

    @Test
    void nothingStaysInTheFileSystem() {
        String own = "hx-" + ProcessHandle.current().pid() + "-";
        File[] left =
                new File(System.getProperty("java.io.tmpdir"))
                        .listFiles((_, name) -> name.startsWith(own));
        assertThat(left).isEmpty();
    }
}
