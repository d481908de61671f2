package helix.hal.internal.service;

import helix.hal.api.Lease;
import helix.hal.api.MmioRegion;
import helix.hal.api.MmioService;
import helix.hal.api.PciBar;
import helix.hal.internal.lease.GrantedLease;
import helix.hal.internal.pci.PciFunction;
import helix.posix.Mapping;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/// Maps base address registers.
@Component
public final class Mmio implements MmioService {
    /// Nothing to keep: everything is the lease's.
    @Activate
    public Mmio() {}

    @Override
    public MmioRegion map(Lease lease, int index) {
        String wanted = "BAR " + index;
        GrantedLease granted = GrantedLease.valid(lease, wanted);
        PciFunction function = granted.reachedFunction(wanted);
        PciBar bar = function.bar(index);
        function.enableDecode(bar.kind());
        String name = lease.owner() + " " + wanted;
        Optional<MemorySegment> mapped = function.space(bar).map(bar.address(), bar.size());
        return mapped.isPresent()
                ? MmioRegion.ofMapped(name, lease, Mapping.scoped(mapped.get(), granted.arena()))
                : MmioRegion.ofAccess(name, lease, function.space(bar), bar.address(), bar.size());
    }
}
