package helix.hal.internal.device;

import helix.hal.api.machine.Machine;
import helix.hal.internal.dma.DmaAllocator;
import helix.hal.internal.dma.DmaDomains;

/// What the devices of one machine share.
public final class MachineContext {
    private final Machine machine;
    private final int segment;
    private final DmaDomains domains;
    private final DmaAllocator dma;
    private volatile boolean gone;

    /// Begins a machine's time in the HAL.
    public MachineContext(Machine machine, int segment) {
        this.machine = machine;
        this.segment = segment;
        this.domains = new DmaDomains(machine.remapping());
        this.dma = new DmaAllocator(machine.name(), machine.dmaWindows(), domains);
    }

    /// The machine.
    public Machine machine() {
        return machine;
    }

    /// Its name.
    public String name() {
        return machine.name();
    }

    /// The number of its PCI segment.
    public int segment() {
        return segment;
    }

    /// The memory that its devices reach.
    public DmaAllocator dma() {
        return dma;
    }

    /// Which of that memory each of them reaches.
    public DmaDomains domains() {
        return domains;
    }

    /// Says that none of its hardware can be reached any more.
    public void markGone() {
        gone = true;
    }

    /// Whether its hardware is out of reach for good, and can thus do no more DMA.
    public boolean isGone() {
        return gone || machine.status().state() == Machine.State.FAILED;
    }
}
