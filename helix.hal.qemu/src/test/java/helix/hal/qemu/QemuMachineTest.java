package helix.hal.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import helix.hal.api.Deadline;
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
import java.util.List;
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
        machine.control().fault("stall", java.util.Map.of());
        assertThatThrownBy(() -> memory.read32(NVME_BAR + 8))
                .isInstanceOf(DeviceTimeoutException.class)
                .hasMessageContaining("machine qemu is stalled");
        assertThat(seen.poll(2, TimeUnit.SECONDS).state()).isEqualTo(State.STALLED);
        long start = System.nanoTime();
        assertThatThrownBy(() -> memory.write32(NVME_BAR + 0x24, 1))
                .isInstanceOf(DeviceTimeoutException.class);
        assertThat(System.nanoTime() - start).isLessThan(100_000_000);
        machine.control().fault("resume", java.util.Map.of());
        assertThat(seen.poll(2, TimeUnit.SECONDS)).isEqualTo(new Status(State.READY, ""));
        assertThat(memory.read32(NVME_BAR + 8)).isEqualTo(0x0001_0400);
        assertThat(memory.read32(NVME_BAR + 0x24)).isZero();
    }

    @Test
    void qemuEndsWithTheSupervisorsInput() {
        Deadline deadline = Deadline.afterMillis(5000);
        long pid = machine.process().pid();
        machine.process().close();
        while (ProcessHandle.of(pid).isPresent() && !deadline.isExpired()) {
            Thread.onSpinWait();
        }
        assertThat(ProcessHandle.of(pid)).isEmpty();
    }
}
