package helix.hal.internal.dma;

import helix.hal.api.DeviceException;
import helix.hal.api.DmaRequest;
import helix.hal.api.machine.DmaWindow;
import helix.hal.internal.space.FreeRanges;
import java.lang.foreign.MemorySegment;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Carves blocks from the memory that a machine's devices reach. Thread-safe.
///
/// A block is in use, quarantined or free. Quarantined means that its user is gone but some device
/// may still write to it; who quarantined it lifts that once the device has confirmed its reset.
public final class DmaAllocator {
    private static final Logger LOG = LoggerFactory.getLogger(DmaAllocator.class);

    /// Blocks begin and end on cache lines at least, so that no two users share one.
    private static final long LINE = 64;

    private final String machine;
    private final DmaDomains domains;

    /// Nor do they share what an IOMMU maps as one.
    private final long granule;

    private final List<Pool> pools;
    private final Set<DmaBlock> blocks = new HashSet<>();

    /// One window of the machine: what devices reach, and the identity of buffers from it.
    private static final class Pool {
        final DmaWindow window;
        final FreeRanges free = new FreeRanges();

        Pool(DmaWindow window) {
            this.window = window;
            free.free(window.deviceAddress(), window.memory().byteSize());
        }

        long highest() {
            return window.deviceAddress() + window.memory().byteSize() - 1;
        }
    }

    /// Begins with all of the machine's windows free.
    public DmaAllocator(String machine, List<DmaWindow> windows, DmaDomains domains) {
        this.machine = machine;
        this.domains = domains;
        this.granule = Math.max(LINE, domains.granule());
        // Highest first: memory that only 64-bit devices reach is used before what all do.
        this.pools =
                windows.stream()
                        .sorted(Comparator.comparingLong(DmaWindow::deviceAddress).reversed())
                        .map(Pool::new)
                        .toList();
    }

    /// Takes a block, zeroed.
    ///
    /// @throws DeviceException if none is free, naming what was asked for and what is left
    public DmaBlock allocate(DmaRequest request) {
        long size = FreeRanges.alignUp(request.size(), granule);
        long alignment = Math.max(request.alignment(), granule);
        // A block that does not cross a smaller boundary is one whose rounded size does not either.
        long boundary = request.boundary() == 0 ? 0 : Math.max(request.boundary(), granule);
        long highest =
                request.addressBits() >= 63 ? Long.MAX_VALUE : (1L << request.addressBits()) - 1;
        for (Pool pool : pools) {
            long address = pool.free.allocate(size, alignment, boundary, highest);
            if (address != FreeRanges.NONE) {
                MemorySegment bytes =
                        pool.window
                                .memory()
                                .asSlice(address - pool.window.deviceAddress(), request.size());
                bytes.fill((byte) 0);
                DmaBlock block = new DmaBlock(this, pool, bytes, address, size);
                synchronized (blocks) {
                    blocks.add(block);
                }
                return block;
            }
        }
        throw new DeviceException(
                ("no DMA memory on %s: wanted %d bytes, aligned to %d, boundary %d, within %d"
                                + " address bits; left %d bytes, the largest piece %d")
                        .formatted(
                                machine,
                                request.size(),
                                request.alignment(),
                                request.boundary(),
                                request.addressBits(),
                                left(highest),
                                largest(highest)));
    }

    /// Makes a block free, if no device reaches it any more.
    ///
    /// @return false if the machine did not confirm that: the block stays as it is, until a later
    ///   [#lift(Object)]
    boolean giveBack(DmaBlock block, Object pool) {
        synchronized (blocks) {
            blocks.remove(block);
        }
        // Now nobody grants it any more; before its bytes are another's, nobody reaches it.
        try {
            domains.revoke(block);
        } catch (RuntimeException e) {
            synchronized (blocks) {
                blocks.add(block);
            }
            LOG.error(
                    "{}: 0x{} + {} bytes are not free, devices may still reach them",
                    machine,
                    Long.toHexString(block.address()),
                    block.reservedBytes(),
                    e);
            return false;
        }
        ((Pool) pool).free.free(block.address(), block.reservedBytes());
        return true;
    }

    /// Whether a pool is one of this machine's for data, which all its devices reach.
    public boolean owns(Object pool) {
        return pool instanceof Pool p && pools.contains(p);
    }

    /// Quarantines every block in use that is not a lease's own: a device that did not confirm its
    /// reset may hold commands that point to any of them.
    ///
    /// @param culprit the device's identity, for [#lift(Object)]
    public void suspectAll(Object culprit) {
        snapshot().stream().filter(DmaBlock::isShared).forEach(b -> b.quarantine(culprit));
    }

    /// Ends all quarantine that this culprit was the reason of.
    ///
    /// @return the bytes that became free
    public long lift(Object culprit) {
        return snapshot().stream().mapToLong(b -> b.lift(culprit)).sum();
    }

    /// The blocks of data that are not free.
    List<DmaBlock> shared() {
        return snapshot().stream().filter(DmaBlock::isShared).toList();
    }

    /// Blocks are asked outside the lock: they give themselves back while locked themselves.
    private List<DmaBlock> snapshot() {
        synchronized (blocks) {
            return List.copyOf(blocks);
        }
    }

    /// How many blocks are not free.
    public int blocksInUse() {
        synchronized (blocks) {
            return blocks.size();
        }
    }

    /// How many bytes are not free.
    public long bytesInUse() {
        long total = pools.stream().mapToLong(p -> p.window.memory().byteSize()).sum();
        return total - left(Long.MAX_VALUE);
    }

    private long left(long highest) {
        return pools.stream()
                .filter(p -> p.window.deviceAddress() <= highest)
                .mapToLong(p -> p.free.available())
                .sum();
    }

    private long largest(long highest) {
        return pools.stream()
                .filter(p -> p.window.deviceAddress() <= highest)
                .mapToLong(p -> p.free.largest())
                .max()
                .orElse(0);
    }

    @Override
    public String toString() {
        return "DMA memory of "
                + machine
                + pools.stream()
                        .map(p -> " 0x%x-0x%x".formatted(p.window.deviceAddress(), p.highest()))
                        .toList();
    }
}
