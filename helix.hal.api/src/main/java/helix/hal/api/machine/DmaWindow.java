package helix.hal.api.machine;

import java.lang.foreign.MemorySegment;

/// Memory that a machine's devices reach by DMA.
///
/// @param deviceAddress the device address of the first byte
/// @param memory the bytes in this JVM, scoped to the machine's life
/// @param fd a descriptor behind the bytes for sharing with peers, -1 if there is none
/// @param fdOffset where the bytes begin in that file
public record DmaWindow(long deviceAddress, MemorySegment memory, int fd, long fdOffset) {}
