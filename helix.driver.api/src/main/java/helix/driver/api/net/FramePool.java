package helix.driver.api.net;

import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// Memory for frames: equally large, numbered, in one piece of DMA memory. A frame is the holder's
/// of its number: the pool's own while it is free, a client's after [#take], a queue's after it was
/// sent or while it waits to be received into.
///
/// For one thread at a time, but for what only computes. Nothing but the constructor allocates.
public final class FramePool implements AutoCloseable {
    /// Bytes before a frame's data that are the driver's, for a header of the device's.
    public static final int HEADROOM = 64;

    private final DmaBuffer memory;
    private final MemorySegment segment;
    private final long address;
    private final int frameSize;
    private final int[] free;
    private int available;

    /// Makes a pool whose frames are all free.
    ///
    /// @param memory the bytes, which belong to the pool from now on
    /// @param frameSize bytes of a frame with its headroom, a multiple of 64 above [#HEADROOM]; an
    ///   odd multiple spreads frames over all of a cache's sets, a power of two over a few
    /// @throws IllegalArgumentException if not one frame fits, or the size is none
    public FramePool(DmaBuffer memory, int frameSize) {
        if (frameSize <= HEADROOM || frameSize % 64 != 0) {
            throw new IllegalArgumentException("frames of " + frameSize + " bytes");
        }
        long count = memory.size() / frameSize;
        if (count < 1 || count > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(
                    count + " frames of " + frameSize + " bytes in " + memory);
        }
        this.memory = memory;
        this.segment = memory.segment();
        this.address = memory.address();
        this.frameSize = frameSize;
        this.free = new int[(int) count];
        for (int i = 0; i < free.length; i++) {
            free[i] = free.length - 1 - i;
        }
        available = free.length;
    }

    /// How many frames there are.
    ///
    /// @return at least 1
    public int count() {
        return free.length;
    }

    /// How many bytes of data a frame holds.
    ///
    /// @return bytes after the headroom
    public int capacity() {
        return frameSize - HEADROOM;
    }

    /// Where a frame's data begins in [#segment()].
    ///
    /// @param frame its number
    /// @return an offset in bytes
    public long at(int frame) {
        return (long) Objects.checkIndex(frame, free.length) * frameSize + HEADROOM;
    }

    /// The device address of a frame's data.
    ///
    /// @param frame its number
    /// @return an address on the device's side
    public long address(int frame) {
        return address + at(frame);
    }

    /// All the bytes.
    ///
    /// @return native memory
    public MemorySegment segment() {
        return segment;
    }

    /// What a driver holds while a queue uses the pool.
    ///
    /// @return the memory
    public DmaBuffer memory() {
        return memory;
    }

    /// Takes a free frame.
    ///
    /// @return its number, -1 if none is free
    public int take() {
        return available == 0 ? -1 : free[--available];
    }

    /// Gives a frame back.
    ///
    /// @param frame one that was taken
    /// @throws IllegalStateException if more are given than were taken
    public void give(int frame) {
        Objects.checkIndex(frame, free.length);
        if (available == free.length) {
            throw new IllegalStateException("frame " + frame + " is given back twice");
        }
        free[available++] = frame;
    }

    /// How many frames are free.
    ///
    /// @return 0 to [#count()]
    public int available() {
        return available;
    }

    /// Gives the memory back when no queue holds it any more.
    @Override
    public void close() {
        memory.close();
    }
}
