package helix.hal.vhostuser;

import helix.hal.api.DeviceException;
import helix.hal.vhostuser.VirtioPci.Bar;
import helix.posix.EventFd;
import java.util.Arrays;
import java.util.List;

/// A virtio device as a PCI function: config space with the capabilities of virtio 1.2, section
/// 4.1.4, and one base address register behind which everything lies.
final class VirtioFunction {
    static final int COMMAND = 0x04;
    static final int COMMAND_MEMORY = 2;
    static final int BAR0 = 0x10;

    private static final int COMMON_CAP = 0x40;
    private static final int ISR_CAP = 0x50;
    private static final int DEVICE_CAP = 0x60;
    private static final int NOTIFY_CAP = 0x70;
    private static final int PCI_CAP = 0x84;
    private static final int MSIX_CAP = 0x98;
    private static final int PCI_CAP_OFFSET = PCI_CAP + 8;
    private static final int PCI_CAP_LENGTH = PCI_CAP + 12;
    private static final int PCI_CAP_DATA = PCI_CAP + 16;
    private static final int MSIX_ENABLE = 1 << 15;
    private static final int MSIX_MASK_ALL = 1 << 14;

    private final DeviceKind kind;
    private final Backend backend;
    private final EventFds eventFds;
    private final ConfigBytes config = new ConfigBytes();
    private final MsixTable vectors;
    private final CommonConfig common;
    private final EventFd[] kicks;
    private final int[] kickFds;
    private final EventFd unheard;
    private final byte[] pristine;
    private volatile byte[] device;
    private volatile boolean gone;

    /// Makes a function that is on no bus yet.
    VirtioFunction(
            DeviceKind kind,
            Identity identity,
            AttachOptions options,
            Backend backend,
            EventFds eventFds,
            MessagePool messages) {
        this.kind = kind;
        this.backend = backend;
        this.eventFds = eventFds;
        int queues = identity.queues();
        vectors = new MsixTable(queues + 1, messages, eventFds, backend::vectorChanged);
        common =
                new CommonConfig(
                        backend,
                        vectors,
                        kind.offered(identity.features()) & ~options.without(),
                        queues,
                        options.queueSize());
        kicks = new EventFd[queues];
        Arrays.setAll(kicks, _ -> eventFds.take());
        kickFds = Arrays.stream(kicks).mapToInt(EventFd::fd).toArray();
        unheard = eventFds.take();
        pristine = kind.configure(identity.config(), queues, options.mac());
        device = pristine.clone();
        header();
        capabilities();
    }

    private void header() {
        config.put16(0x00, VirtioPci.VENDOR)
                .put16(0x02, VirtioPci.FIRST_DEVICE + kind.virtioId)
                .writable(COMMAND, 2, 0x0406)
                // There is a list of capabilities.
                .put16(0x06, 1 << 4)
                .put32(0x08, (kind.classCode << 8) | 1)
                .writable(BAR0, 4, -Bar.SIZE)
                .put16(0x2C, VirtioPci.VENDOR)
                .put16(0x2E, VirtioPci.SUBSYSTEM)
                .put8(0x34, COMMON_CAP)
                .writable(0x3C, 1, 0xFF);
    }

    private void capabilities() {
        capability(COMMON_CAP, ISR_CAP, 16, 1, Bar.COMMON, Bar.COMMON_SIZE);
        capability(ISR_CAP, DEVICE_CAP, 16, 3, Bar.ISR, Bar.ISR_SIZE);
        capability(DEVICE_CAP, NOTIFY_CAP, 16, 4, Bar.DEVICE, pristine.length);
        capability(NOTIFY_CAP, PCI_CAP, 20, 2, Bar.NOTIFY, kicks.length * Bar.NOTIFY_MULTIPLIER);
        config.put32(NOTIFY_CAP + 16, Bar.NOTIFY_MULTIPLIER);
        capability(PCI_CAP, MSIX_CAP, 20, 5, 0, 0);
        config.writable(PCI_CAP + 4, 1, 0xFF)
                .writable(PCI_CAP_OFFSET, 4, -1)
                .writable(PCI_CAP_LENGTH, 4, -1);
        config.put8(MSIX_CAP, 0x11)
                .put16(MSIX_CAP + 2, vectors.size() - 1)
                .writable(MSIX_CAP + 2, 2, MSIX_ENABLE | MSIX_MASK_ALL)
                .put32(MSIX_CAP + 4, Bar.MSIX_TABLE)
                .put32(MSIX_CAP + 8, Bar.PENDING);
    }

    /// struct virtio_pci_cap, 4.1.4.
    private void capability(int at, int next, int length, int type, int offset, int size) {
        config.put8(at, 0x09)
                .put8(at + 1, next)
                .put8(at + 2, length)
                .put8(at + 3, type)
                .put32(at + 8, offset)
                .put32(at + 12, size);
    }

    /// The registers that all virtio devices share.
    CommonConfig common() {
        return common;
    }

    /// Its interrupt vectors.
    MsixTable vectors() {
        return vectors;
    }

    /// The eventfd that a doorbell write signals.
    EventFd kick(int queue) {
        return kicks[queue];
    }

    /// The eventfd that a queue's interrupts go to.
    EventFd call(QueueState queue) {
        return queue.vector() == VirtioPci.NO_VECTOR ? unheard : vectors.target(queue.vector());
    }

    /// What a doorbell said is forgotten by a reset.
    void resetDone() {
        for (EventFd kick : kicks) {
            long _ = kick.drain();
        }
        common.resetDone();
    }

    /// The back-end is a new one, and has forgotten what was written to its config space.
    void peerReturned() {
        device = pristine.clone();
    }

    int readConfig(int offset, int width) {
        if (offset == PCI_CAP_DATA && pciAccess() == width) {
            // 4.1.4.9: a window for those who cannot map registers.
            return read(config.read(PCI_CAP_OFFSET, 4), width);
        }
        return config.read(offset, width);
    }

    /// How wide the access through the window is to be, 0 if it is none.
    private int pciAccess() {
        int length = config.read(PCI_CAP_LENGTH, 4);
        int offset = config.read(PCI_CAP_OFFSET, 4);
        boolean sane = length == 1 || length == 2 || length == 4;
        boolean inside = offset >= 0 && offset < Bar.SIZE && sane && offset % length == 0;
        return inside && config.read(PCI_CAP + 4, 1) == 0 ? length : 0;
    }

    void writeConfig(int offset, int width, int value) {
        if (offset == PCI_CAP_DATA && pciAccess() == width) {
            write(config.read(PCI_CAP_OFFSET, 4), width, value);
            return;
        }
        config.write(offset, width, value);
        if (offset + width > MSIX_CAP + 2 && offset < MSIX_CAP + 4) {
            int control = config.read(MSIX_CAP + 2, 2);
            vectors.control((control & MSIX_ENABLE) != 0, (control & MSIX_MASK_ALL) != 0);
        }
    }

    /// Where its registers are decoded, 0 if they are not.
    long address() {
        boolean decodes = (config.read(COMMAND, 2) & COMMAND_MEMORY) != 0;
        return decodes ? Integer.toUnsignedLong(config.read(BAR0, 4)) : 0;
    }

    /// Reads a register.
    int read(int offset, int width) {
        if (offset < Bar.ISR) {
            return common.read(offset, width);
        }
        if (offset < Bar.DEVICE) {
            return offset == Bar.ISR ? common.readIsr() : 0;
        }
        if (offset < Bar.NOTIFY) {
            return readDevice(offset - Bar.DEVICE, width);
        }
        if (offset < Bar.MSIX_TABLE) {
            return 0;
        }
        require32(offset, width);
        return offset < Bar.PENDING
                ? vectors.read(offset - Bar.MSIX_TABLE)
                : vectors.readPending(Math.min(offset - Bar.PENDING, Bar.PENDING_SIZE));
    }

    private int readDevice(int offset, int width) {
        byte[] bytes = device;
        int value = 0;
        for (int i = width - 1; i >= 0; i--) {
            value = (value << 8) | (offset + i < bytes.length ? bytes[offset + i] & 0xFF : 0);
        }
        return value;
    }

    /// Writes a register. A doorbell takes no lock and allocates nothing.
    void write(int offset, int width, int value) {
        if (offset >= Bar.NOTIFY && offset < Bar.MSIX_TABLE) {
            int queue = (offset - Bar.NOTIFY) / Bar.NOTIFY_MULTIPLIER;
            if (queue < kickFds.length) {
                EventFd.signal(kickFds[queue]);
            }
        } else if (offset < Bar.ISR) {
            common.write(offset, width, value);
        } else if (offset >= Bar.DEVICE && offset < Bar.NOTIFY) {
            writeDevice(offset - Bar.DEVICE, width, value);
        } else if (offset >= Bar.MSIX_TABLE && offset < Bar.PENDING) {
            require32(offset, width);
            vectors.write(offset - Bar.MSIX_TABLE, value);
        }
    }

    private static void require32(int offset, int width) {
        if (width != 4) {
            // PCI Local Bus 3.0, 6.8.2: whole words.
            throw new DeviceException(
                    "MSI-X registers have 32 bits: offset 0x%x, %d bytes".formatted(offset, width));
        }
    }

    private void writeDevice(int offset, int width, int value) {
        if (kind == DeviceKind.BLK && offset == DeviceKind.BLK_WRITEBACK && width == 1) {
            byte[] changed = device.clone();
            changed[offset] = (byte) value;
            device = changed;
            backend.configWritten(offset, (byte) value);
        }
    }

    /// Whether it was taken from its bus.
    boolean isGone() {
        return gone;
    }

    /// It is on no bus any more.
    void removed() {
        gone = true;
        vectors.giveBack(eventFds);
        List.of(kicks).forEach(eventFds::giveBack);
        eventFds.giveBack(unheard);
    }
}
