package helix.hal.qemu;

import com.google.gson.JsonObject;
import helix.hal.api.DeviceException;
import helix.hal.api.machine.BusAccess;
import helix.hal.api.machine.DmaWindow;
import helix.hal.api.machine.InterruptLines;
import helix.hal.api.machine.Machine;
import helix.hal.api.machine.MachineControl;
import helix.hal.api.machine.MessageInterrupts;
import helix.hal.api.machine.PciHost;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A PC of QEMU's (q35) whose processor is this JVM.
final class QemuMachine implements Machine, AutoCloseable {
    static final String NAME = "qemu";

    private static final Logger LOG = LoggerFactory.getLogger(QemuMachine.class);

    /// What the machine is made of.
    ///
    /// @param profile its devices
    /// @param disks its drives
    /// @param arguments further arguments for QEMU, as they are
    record Settings(MachineProfile profile, List<DiskSpec> disks, List<String> arguments) {}

    private final QemuParts parts;
    private final AtomicLong mmioReads = new AtomicLong();
    private final AtomicLong mmioWrites = new AtomicLong();
    private final AtomicLong portAccesses = new AtomicLong();
    private final AtomicLong configAccesses = new AtomicLong();
    private final BusAccess ports;
    private final QemuPciHost pci;
    private final QemuLines lines;
    private final QemuControl control;

    /// Starts the machine. When this returns it can be enumerated.
    ///
    /// @throws DeviceException if it does not start, with the reason in one line
    static QemuMachine start(Settings settings) {
        QemuParts parts = QemuParts.start(settings);
        try {
            QemuMachine machine = new QemuMachine(parts, settings.disks().size());
            machine.bringUp();
            return machine;
        } catch (RuntimeException e) {
            parts.close();
            throw e;
        }
    }

    private QemuMachine(QemuParts parts, int drives) {
        this.parts = parts;
        BusAccess memory = QtestBus.memory(parts.qtest(), mmioReads, mmioWrites);
        ports = QtestBus.ports(parts.qtest(), portAccesses);
        pci = new QemuPciHost(parts.qtest(), memory, configAccesses);
        lines = new QemuLines(NAME, parts.qtest(), ports);
        control = new QemuControl(parts, drives);
    }

    private void bringUp() {
        pci.bringUp();
        parts.awaitMessages(pci.memory());
        parts.qmp().listen(this::event);
        LOG.info("machine {} runs as process {}", NAME, parts.process().pid());
    }

    private void event(JsonObject event) {
        switch (event.get("event").getAsString()) {
            case "DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR" -> control.event(event);
            case "RESET" -> parts.status().later(this::reset);
            default -> LOG.debug("QMP: {}", event);
        }
    }

    /// After a system reset nothing is assigned any more: the machine's own part is set up again,
    /// the rest is the HAL's.
    private void reset() {
        try {
            pci.bringUp();
            lines.machineReset();
            LOG.warn("machine {} was reset", NAME);
            parts.status().pciChanged();
        } catch (DeviceException e) {
            LOG.error("machine {} did not come up after a reset", NAME, e);
        }
    }

    /// The other face of the machine.
    MachineControl control() {
        return control;
    }

    /// QEMU's process.
    QemuProcess process() {
        return parts.process();
    }

    /// QEMU's management protocol.
    QmpClient qmp() {
        return parts.qmp();
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Status status() {
        return parts.status().get();
    }

    @Override
    public Optional<PciHost> pci() {
        return Optional.of(pci);
    }

    @Override
    public Optional<BusAccess> ports() {
        return Optional.of(ports);
    }

    @Override
    public List<DmaWindow> dmaWindows() {
        return List.of(parts.ram());
    }

    @Override
    public MessageInterrupts messages() {
        return parts.messages();
    }

    @Override
    public InterruptLines lines() {
        return lines;
    }

    @Override
    public List<PlatformResource> platformDevices() {
        return parts.profile().platform();
    }

    @Override
    public Subscription listen(Listener listener) {
        return parts.status().listen(listener);
    }

    @Override
    public Counters counters() {
        return new Counters(
                mmioReads.getAcquire(),
                mmioWrites.getAcquire(),
                portAccesses.getAcquire(),
                configAccesses.getAcquire());
    }

    /// Switches the machine off. A second call does nothing.
    @Override
    public void close() {
        control.close();
        parts.close();
    }
}
