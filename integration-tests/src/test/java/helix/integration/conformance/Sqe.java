package helix.integration.conformance;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;

/// A submission queue entry. NVM Express Base 2.0, figure 87.
final class Sqe {
    static final int BYTES = 64;

    private final int opcode;
    private int flags;
    private int namespace;
    private long metadata;
    private long prp1;
    private long prp2;
    private final int[] dwords = new int[16];

    private Sqe(int opcode) {
        this.opcode = opcode;
    }

    static Sqe of(int opcode) {
        return new Sqe(opcode);
    }

    /// FUSE in 1:0, PSDT in 7:6.
    Sqe flags(int value) {
        flags = value;
        return this;
    }

    Sqe nsid(int value) {
        namespace = value;
        return this;
    }

    Sqe metadata(long address) {
        metadata = address;
        return this;
    }

    Sqe prp(long first, long second) {
        prp1 = first;
        prp2 = second;
        return this;
    }

    /// Sets a command dword.
    ///
    /// @param number 10 to 15
    Sqe cdw(int number, int value) {
        dwords[number] = value;
        return this;
    }

    void store(MemorySegment memory, long at, int id) {
        memory.asSlice(at, BYTES).fill((byte) 0);
        memory.set(JAVA_INT_UNALIGNED, at, opcode | flags << 8 | id << 16);
        memory.set(JAVA_INT_UNALIGNED, at + 4, namespace);
        memory.set(JAVA_LONG_UNALIGNED, at + 16, metadata);
        memory.set(JAVA_LONG_UNALIGNED, at + 24, prp1);
        memory.set(JAVA_LONG_UNALIGNED, at + 32, prp2);
        for (int i = 10; i < 16; i++) {
            memory.set(JAVA_INT_UNALIGNED, at + 4L * i, dwords[i]);
        }
    }
}
