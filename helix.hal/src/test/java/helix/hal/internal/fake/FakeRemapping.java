package helix.hal.internal.fake;

import helix.hal.api.DeviceException;
import helix.hal.api.machine.DmaRemapping;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/// An IOMMU that notes what is mapped, and refuses when told to. A function has one domain, as the
/// contract demands.
public final class FakeRemapping implements DmaRemapping {
    private static final int GRANULE = 64;

    /// By requester.
    private final Map<Integer, FakeDomain> domains = new HashMap<>();

    private final List<Runnable> atAttach = new ArrayList<>();

    /// How many calls go well before [#map] refuses; negative for all.
    public int mapsLeft = -1;

    /// Whether [#unmap] is not confirmed.
    public boolean holdsOn;

    /// Does something in the middle of the next attach.
    public void atAttach(Runnable action) {
        atAttach.add(action);
    }

    /// How many functions have a domain.
    public int domains() {
        return domains.size();
    }

    /// Whether any function reaches an address.
    public boolean isReached(long address) {
        return domains.values().stream().anyMatch(d -> d.mapped.contains(address));
    }

    @Override
    public long granule() {
        return GRANULE;
    }

    @Override
    public Domain attach(int bus, int devfn) {
        int requester = bus << 8 | devfn;
        if (domains.containsKey(requester)) {
            throw new DeviceException("function " + requester + " has a domain already");
        }
        List<Runnable> actions = List.copyOf(atAttach);
        atAttach.clear();
        actions.forEach(Runnable::run);
        FakeDomain domain = new FakeDomain(requester);
        domains.put(requester, domain);
        return domain;
    }

    private final class FakeDomain implements Domain {
        final TreeSet<Long> mapped = new TreeSet<>();
        private final int requester;

        FakeDomain(int requester) {
            this.requester = requester;
        }

        @Override
        public void map(long deviceAddress, long size) {
            if (mapsLeft == 0) {
                throw new DeviceException("no room in the tables");
            }
            mapsLeft--;
            for (long at = 0; at < size; at += GRANULE) {
                mapped.add(deviceAddress + at);
            }
        }

        @Override
        public void unmap(long deviceAddress, long size) {
            if (holdsOn) {
                throw new DeviceException("not confirmed");
            }
            for (long at = 0; at < size; at += GRANULE) {
                mapped.remove(deviceAddress + at);
            }
        }

        @Override
        public void close() {
            domains.remove(requester, this);
        }
    }
}
