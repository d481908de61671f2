package helix.hal.qemu;

import com.google.gson.JsonObject;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.machine.BusAccess;
import helix.hal.api.machine.DmaWindow;
import helix.hal.api.machine.Machine.State;
import helix.posix.PollSet;
import helix.posix.PosixException;
import helix.posix.SharedMemory;
import helix.posix.UnixSocket;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A QEMU process and the connections to it.
///
/// What was opened on the way is closed in reverse order, after a failed start as after a good run;
/// QEMU goes before the memory it writes to.
///
/// @param profile the machine's devices
/// @param status where QEMU's state is kept
/// @param ram the memory that devices reach
/// @param messages the eventfds of interrupt messages
/// @param process QEMU
/// @param qtest register accesses
/// @param qmp management
/// @param closer what is open
record QemuParts(
        MachineProfile profile,
        MachineStatus status,
        DmaWindow ram,
        IvshmemServer messages,
        QemuProcess process,
        QtestClient qtest,
        QmpClient qmp,
        Closer closer)
        implements AutoCloseable {

    /// An access that takes longer is a fault of the machine's.
    private static final long ACCESS_MILLIS = 1_000;

    private static final long START_MILLIS = 10_000;
    private static final long ACCEPT_MILLIS = 50;
    private static final long MESSAGE_MILLIS = 10;
    private static final Duration QMP_LIMIT = Duration.ofSeconds(5);
    private static final Duration ARENA_LIMIT = Duration.ofSeconds(2);

    /// Below lies what a PC does not use as plain memory.
    private static final long DMA_BASE = 1L << 20;

    private static final Logger LOG = LoggerFactory.getLogger(QemuParts.class);

    /// Starts QEMU and connects to it.
    static QemuParts start(QemuMachine.Settings settings) {
        Closer closer = new Closer();
        try {
            return start(settings, closer);
        } catch (RuntimeException e) {
            closer.close();
            throw e;
        }
    }

    private static QemuParts start(QemuMachine.Settings settings, Closer closer) {
        Deadline deadline = Deadline.afterMillis(START_MILLIS);
        MachineProfile profile = settings.profile();
        SharedMemory memory = closer.add(SharedMemory.create("helix-ram", profile.memory()));
        DmaWindow ram = map(memory, closer);
        List<Disk> disks = new ArrayList<>();
        for (DiskSpec disk : settings.disks()) {
            disks.add(closer.add(Disk.open(QemuCommandLine.nodeName(disks.size()), disk)));
        }
        List<Disk> media = new ArrayList<>();
        profile.media().forEach((name, spec) -> media.add(closer.add(Disk.open(name, spec))));

        MachineStatus status = closer.add(new MachineStatus(QemuMachine.NAME));
        PrivateDirectory directory = closer.add(PrivateDirectory.create());
        QemuCommandLine.Paths paths = QemuCommandLine.Paths.in(directory, Disk.path(memory));
        HaltRom.write(paths.rom());
        IvshmemServer messages =
                closer.add(
                        new IvshmemServer(
                                paths.ivshmem(),
                                QemuPciHost.MESSAGE_BAR0 + IvshmemServer.DOORBELL,
                                START_MILLIS));
        try (UnixSocket qtestListener = UnixSocket.listen(paths.qtest());
                UnixSocket qmpListener = UnixSocket.listen(paths.qmp())) {
            List<String> command =
                    QemuCommandLine.build(profile, paths, disks, media, settings.arguments());
            QemuProcess process =
                    closer.add(
                            QemuProcess.start(
                                    command,
                                    ended -> status.set(State.FAILED, ended.explanation())));
            QmpClient qmp =
                    closer.add(new QmpClient(accept(qmpListener, "QMP", process, deadline)));
            UnixSocket qtestSocket = accept(qtestListener, "qtest", process, deadline);
            QtestClient qtest =
                    closer.add(
                            new QtestClient(QemuMachine.NAME, qtestSocket, status, ACCESS_MILLIS));
            // Once more, to be the first to go: its end wakes who reads from it.
            closer.add(process);
            negotiate(qmp, process);
            // Both ends are open and the ROM is read: nothing needs to stay in the file system.
            directory.close();
            return new QemuParts(profile, status, ram, messages, process, qtest, qmp, closer);
        }
    }

    private static void negotiate(QmpClient qmp, QemuProcess process) {
        try {
            qmp.execute("qmp_capabilities", new JsonObject(), QMP_LIMIT);
        } catch (DeviceGoneException e) {
            // QEMU opens its connections first and looks at its devices then.
            if (process.awaitEnd()) {
                throw new DeviceException(process.explanation(), e);
            }
            throw e;
        }
    }

    private static DmaWindow map(SharedMemory memory, Closer closer) {
        Arena arena = Arena.ofShared();
        closer.add(() -> close(arena));
        return new DmaWindow(DMA_BASE, memory.map(arena).asSlice(DMA_BASE), memory.fd(), DMA_BASE);
    }

    private static UnixSocket accept(
            UnixSocket listener, String what, QemuProcess process, Deadline deadline) {
        while (true) {
            try {
                return listener.accept(ACCEPT_MILLIS);
            } catch (PosixException e) {
                if (!process.isAlive()) {
                    throw new DeviceException(process.explanation(), e);
                }
                if (deadline.isExpired()) {
                    throw new DeviceException(
                            "QEMU did not connect its " + what + " within " + deadline, e);
                }
            }
        }
    }

    /// Waits until interrupt messages arrive. QEMU takes the eventfds in while it does other
    /// things, so the last one is tried until it is signalled.
    void awaitMessages(BusAccess memory) {
        Deadline deadline = Deadline.afterMillis(START_MILLIS);
        int last = IvshmemServer.VECTORS - 1;
        PollSet poll = new PollSet(1);
        poll.add(messages.eventFd(last).fd());
        do {
            if (deadline.isExpired()) {
                throw new DeviceTimeoutException(
                        "no interrupt message came through ivshmem within " + deadline);
            }
            memory.write32(QemuPciHost.MESSAGE_BAR0 + IvshmemServer.DOORBELL, last);
        } while (poll.await(MESSAGE_MILLIS) == 0);
        messages.eventFd(last).drain();
    }

    /// A shared arena does not close while a system call uses a segment of it.
    private static void close(Arena arena) {
        Deadline deadline = Deadline.after(ARENA_LIMIT);
        while (true) {
            try {
                arena.close();
                return;
            } catch (IllegalStateException e) {
                if (deadline.isExpired()) {
                    LOG.error("the machine's memory stays mapped: it is in use", e);
                    return;
                }
                LockSupport.parkNanos(1_000_000);
            }
        }
    }

    /// Ends QEMU and everything with it. A second call does nothing.
    @Override
    public void close() {
        status.stop();
        closer.close();
    }
}
