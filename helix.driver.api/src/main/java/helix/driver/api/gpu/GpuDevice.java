package helix.driver.api.gpu;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.Set;
import org.osgi.annotation.versioning.ConsumerType;

/// A device that executes recorded commands on memory of its own.
@ConsumerType
public interface GpuDevice {
    /// Makes the device ready for commands.
    void init();

    /// Allocates device memory.
    ///
    /// @param size bytes
    /// @param flags what it is for
    /// @return the allocation
    GpuAlloc allocateMemory(long size, Set<MemFlags> flags);

    /// Frees device memory; no command that uses it may be unfinished.
    ///
    /// @param alloc what [#allocateMemory] gave
    void freeMemory(GpuAlloc alloc);

    /// Starts executing commands.
    ///
    /// @param commands what was recorded
    /// @return signalled when all of it is done
    Fence submitCommands(CommandBuffer commands);

    /// What memory is for.
    enum MemFlags {
        /// Fast for the device.
        DEVICE_LOCAL,
        /// The host can map it.
        HOST_VISIBLE
    }

    /// A piece of device memory.
    @ConsumerType
    interface GpuAlloc {
        /// Its size.
        ///
        /// @return bytes
        long size();

        /// Its bytes, where the host can map them.
        ///
        /// @return the mapping
        Optional<MemorySegment> mapped();
    }

    /// Commands recorded for one submission.
    @ConsumerType
    interface CommandBuffer {
        /// Copies between allocations.
        ///
        /// @param from the source
        /// @param fromOffset in bytes
        /// @param to the target
        /// @param toOffset in bytes
        /// @param size in bytes
        void copy(GpuAlloc from, long fromOffset, GpuAlloc to, long toOffset, long size);
    }

    /// The end of a submission.
    @ConsumerType
    interface Fence {
        /// Waits for it.
        ///
        /// @param nanos the longest wait
        /// @return false if the time passed
        boolean await(long nanos);
    }
}
