package helix.hal.sim.nvme;

import java.lang.foreign.MemorySegment;

/// A command in the controller: what was fetched, and how far it is. The objects are kept and used
/// again, so that a command costs no allocation. Base 2.0, section 3.3.3.1.
final class Command {
    /// Where a command stands.
    enum State {
        FREE,
        /// Fetched and to be executed.
        READY,
        /// To be executed at [Command#dueAt].
        DELAYED,
        /// Swallowed by a fault; only an abort or a reset ends it.
        STUCK,
        /// An asynchronous event request that waits for its event.
        WAITING,
        /// Executed; its completion waits for room in the completion queue.
        DONE
    }

    /// PRP or SGL for Data Transfer, CDW0 bits 15:14.
    static final int PSDT = 0xC0;

    /// Fused Operation, CDW0 bits 9:8.
    static final int FUSE = 0x03;

    State state = State.FREE;
    SubmissionQueue queue = SubmissionQueue.NONE;
    long dueAt;

    /// Which one of its queue it is.
    long sequence;

    int status;
    long result;
    int opcode;
    int flags;
    int id;
    int nsid;
    long prp1;
    long prp2;
    int cdw10;
    int cdw11;
    int cdw12;
    int cdw13;
    int cdw14;

    /// Takes an entry over from memory. A later store of the driver changes nothing any more.
    void fetch(SubmissionQueue from, MemorySegment memory, long at) {
        int cdw0 = Little.getInt(memory, at);
        queue = from;
        state = State.READY;
        sequence = ++from.fetched;
        opcode = cdw0 & 0xFF;
        flags = cdw0 >>> 8 & 0xFF;
        id = cdw0 >>> 16;
        nsid = Little.getInt(memory, at + 4);
        prp1 = Little.getLong(memory, at + 24);
        prp2 = Little.getLong(memory, at + 32);
        cdw10 = Little.getInt(memory, at + 40);
        cdw11 = Little.getInt(memory, at + 44);
        cdw12 = Little.getInt(memory, at + 48);
        cdw13 = Little.getInt(memory, at + 52);
        cdw14 = Little.getInt(memory, at + 56);
    }

    boolean isAdmin() {
        return queue.id == 0;
    }

    /// Starting LBA of the commands that have one, CDW10 and CDW11.
    long startingBlock() {
        return Integer.toUnsignedLong(cdw10) | (long) cdw11 << 32;
    }

    /// Number of Logical Blocks, 0's based in CDW12.
    int blocks() {
        return (cdw12 & 0xFFFF) + 1;
    }

    @Override
    public String toString() {
        return "opcode %02xh, id %04xh, queue %d".formatted(opcode, id, queue.id);
    }
}
