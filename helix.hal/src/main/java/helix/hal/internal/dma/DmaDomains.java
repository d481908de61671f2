package helix.hal.internal.dma;

import helix.hal.api.PciAddress;
import helix.hal.api.machine.DmaRemapping;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Which memory the functions of a machine with an IOMMU reach: a function's own while a lease
/// holds it, and all data buffers of the machine. Thread-safe; where the machine has no IOMMU,
/// nothing happens here.
///
/// What takes a right away waits for the function, and not inside the monitor: one that does not
/// answer holds up nobody else.
public final class DmaDomains {
    private final Optional<DmaRemapping> remapping;

    /// By who is behind the function. Guarded by this.
    private final Map<Object, DmaRemapping.Domain> domains = new HashMap<>();

    /// Begins with no function reaching anything.
    public DmaDomains(Optional<DmaRemapping> remapping) {
        this.remapping = remapping;
    }

    /// Multiples of which blocks begin and end at.
    long granule() {
        return remapping.map(DmaRemapping::granule).orElse(1L);
    }

    /// A function is held from now on: it reaches data buffers.
    ///
    /// @param device who is behind the function
    /// @throws helix.hal.api.DeviceException if the machine refuses
    public void attach(Object device, PciAddress address, DmaAllocator memory) {
        if (remapping.isEmpty()) {
            return;
        }
        close(device);
        try {
            synchronized (this) {
                DmaRemapping.Domain domain = remapping.get().attach(address.bus(), address.devfn());
                domains.put(device, domain);
                memory.shared().forEach(b -> domain.map(b.address(), b.reservedBytes()));
            }
        } catch (RuntimeException e) {
            close(device);
            throw e;
        }
    }

    /// Lets the function that holds a block reach it.
    public void grant(Object device, DmaBlock block) {
        block.ownedBy(device);
        if (remapping.isEmpty()) {
            return;
        }
        synchronized (this) {
            DmaRemapping.Domain domain = domains.get(device);
            if (domain != null) {
                domain.map(block.address(), block.reservedBytes());
            }
        }
    }

    /// Makes a block one of data, which all functions that are held reach.
    public void share(DmaBlock block) {
        if (remapping.isEmpty()) {
            block.share();
            return;
        }
        synchronized (this) {
            // Together: a function that is attached meanwhile finds it or is found.
            block.share();
            domains.values().forEach(d -> d.map(block.address(), block.reservedBytes()));
        }
    }

    /// No function reaches a block any more, when this returns.
    void revoke(DmaBlock block) {
        if (remapping.isEmpty()) {
            return;
        }
        for (DmaRemapping.Domain domain : reaching(block)) {
            domain.unmap(block.address(), block.reservedBytes());
        }
    }

    /// Who may reach a block. Nobody else will: it is not among those that are mapped for a
    /// function that is attached from now on.
    private synchronized List<DmaRemapping.Domain> reaching(DmaBlock block) {
        if (block.isShared()) {
            return List.copyOf(domains.values());
        }
        DmaRemapping.Domain domain = domains.get(block.owner());
        return domain == null ? List.of() : List.of(domain);
    }

    /// A function that has confirmed its reset, or is gone, reaches nothing when this returns.
    ///
    /// @throws helix.hal.api.DeviceException if it does not answer: it may reach memory still, and
    ///   a later call tries again
    public void close(Object device) {
        DmaRemapping.Domain domain;
        synchronized (this) {
            domain = domains.get(device);
        }
        if (domain != null) {
            domain.close();
            synchronized (this) {
                boolean _ = domains.remove(device, domain);
            }
        }
    }
}
