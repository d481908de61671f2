package helix.integration;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/// What each logical block of a disk may hold, known from outside: every write has a sequence
/// number and stamps each of its blocks with it, so that a block tells which write it is of, and
/// whether it is whole.
///
/// Of each block it is known which write is durable (acknowledged before a flush was begun that has
/// ended, or written with FUA), which one was acknowledged last, and which one was begun last. No
/// two requests to one block are in flight at the same time. May be used by several threads.
final class Ledger {
    /// A request in flight.
    ///
    /// @param kind what it does
    /// @param sequence of a write, counted from 1; of a flush, the writes that it makes durable
    /// @param first the first block
    /// @param count how many
    record Request(Kind kind, long sequence, int first, int count) {}

    enum Kind {
        READ,
        WRITE,
        WRITE_DURABLE,
        FLUSH
    }

    /// What a whole image came to.
    ///
    /// @param blocks how many blocks were looked at
    /// @param stamped those that were ever written
    /// @param newer those that hold a write that need not be there
    record Verdict(int blocks, int stamped, int newer) {}

    private static final long MAGIC = 0x48454C4958424C4BL; // "HELIXBLK"
    private static final int HEADER = 32; // magic, seed, block, sequence
    private static final int SUM = 8; // the checksum, at the end
    private static final int MOST_COMPLAINTS = 20;

    private final long seed;
    private final int blockSize;
    private final int blocks;
    private final long[] durable;
    private final long[] acknowledged;
    private final long[] begun;
    private final BitSet busy;
    private final List<String> complaints = new ArrayList<>();

    /// Writes since the image was last looked at; the first has the sequence `base + 1`.
    private final List<Request> writes = new ArrayList<>();

    /// Acknowledged writes that no flush has been begun for.
    private List<Request> unflushed = new ArrayList<>();

    private final List<Flush> flushes = new ArrayList<>();
    private long base;
    private long flushNumber;
    private long failed;

    private record Flush(long number, List<Request> covers) {}

    /// A ledger of a disk that holds zeros.
    Ledger(long seed, int blockSize, int blocks) {
        this.seed = seed;
        this.blockSize = blockSize;
        this.blocks = blocks;
        this.durable = new long[blocks];
        this.acknowledged = new long[blocks];
        this.begun = new long[blocks];
        this.busy = new BitSet(blocks);
    }

    int blockSize() {
        return blockSize;
    }

    int blocks() {
        return blocks;
    }

    /// What was wrong, in words; empty if nothing was.
    synchronized List<String> complaints() {
        return List.copyOf(complaints);
    }

    /// How many requests ended with an error.
    synchronized long failed() {
        return failed;
    }

    private void complain(String format, Object... arguments) {
        if (complaints.size() < MOST_COMPLAINTS) {
            complaints.add(format.formatted(arguments));
        }
    }

    // --- Requests -------------------------------------------------------------------------------

    /// Begins a request to blocks that nothing in flight touches.
    ///
    /// @return the request, or null if something does
    synchronized @Nullable Request begin(Kind kind, int first, int count) {
        if (kind == Kind.FLUSH) {
            flushes.add(new Flush(++flushNumber, unflushed));
            unflushed = new ArrayList<>();
            return new Request(kind, flushNumber, 0, 0);
        }
        int next = busy.nextSetBit(first);
        if (next >= 0 && next < first + count) {
            return null;
        }
        busy.set(first, first + count);
        if (kind == Kind.READ) {
            return new Request(kind, 0, first, count);
        }
        Request write = new Request(kind, base + writes.size() + 1, first, count);
        writes.add(write);
        for (int block = first; block < first + count; block++) {
            begun[block] = write.sequence;
        }
        return write;
    }

    /// Fills the memory of a write from its position on.
    void stamp(Request write, ByteBuffer data) {
        int at = data.position();
        data.order(ByteOrder.LITTLE_ENDIAN);
        for (int block = write.first; block < write.first + write.count; block++) {
            data.putLong(at, MAGIC);
            data.putLong(at + 8, seed);
            data.putLong(at + 16, block);
            data.putLong(at + 24, write.sequence);
            long word = write.sequence * 0x9E3779B97F4A7C15L + block;
            for (int i = HEADER; i < blockSize - SUM; i += 8) {
                data.putLong(at + i, word);
                word = word * 6364136223846793005L + 1442695040888963407L;
            }
            data.putLong(at + blockSize - SUM, checksum(data, at));
            at += blockSize;
        }
    }

    /// A request ended.
    ///
    /// @param error its status, 0 if it was done
    /// @param data what a read gave, from its position on
    synchronized void ended(Request request, int error, ByteBuffer data) {
        busy.clear(request.first, request.first + request.count);
        if (error != 0) {
            failed++;
            complain("%s ended with error %d", request, error);
            return;
        }
        switch (request.kind) {
            case READ -> read(request, data);
            case WRITE -> acknowledge(request, false);
            case WRITE_DURABLE -> acknowledge(request, true);
            case FLUSH -> flushed(request.sequence);
        }
    }

    private void acknowledge(Request write, boolean isDurable) {
        for (int block = write.first; block < write.first + write.count; block++) {
            acknowledged[block] = write.sequence;
            if (isDurable) {
                durable[block] = write.sequence;
            }
        }
        if (!isDurable) {
            unflushed.add(write);
        }
    }

    private void flushed(long number) {
        for (Flush flush : flushes) {
            if (flush.number == number) {
                for (Request write : flush.covers) {
                    for (int b = write.first; b < write.first + write.count; b++) {
                        durable[b] = Math.max(durable[b], write.sequence);
                    }
                }
            }
        }
        flushes.removeIf(f -> f.number == number);
    }

    private void read(Request read, ByteBuffer data) {
        for (int i = 0; i < read.count; i++) {
            int block = read.first + i;
            long found = stampIn(data, data.position() + i * blockSize, block, "read");
            if (found >= 0 && found != acknowledged[block]) {
                complain(
                        "stale: block %d reads as of write %d, %d was acknowledged",
                        block, found, acknowledged[block]);
            }
        }
    }

    // --- The whole disk -------------------------------------------------------------------------

    /// Checks an image that nobody writes any more, whose writer was cut off: each block must hold
    /// its durable write or a later one. From then on, what it holds is what it has to hold.
    synchronized Verdict recover(FileChannel image) throws IOException {
        ByteBuffer data = ByteBuffer.allocate(1 << 20);
        int stamped = 0;
        int newer = 0;
        for (int first = 0; first < blocks; first += data.capacity() / blockSize) {
            int count = Math.min(data.capacity() / blockSize, blocks - first);
            data.clear().limit(count * blockSize);
            while (data.hasRemaining()) {
                if (image.read(data, (long) first * blockSize + data.position()) < 0) {
                    throw new IOException("the image ends at block " + first);
                }
            }
            for (int i = 0; i < count; i++) {
                int block = first + i;
                long found = stampIn(data, i * blockSize, block, "image");
                if (found < 0) {
                    found = 0; // reported; the next round would report it again
                } else {
                    judge(block, found);
                }
                stamped += found > 0 ? 1 : 0;
                newer += found > durable[block] ? 1 : 0;
                durable[block] = found;
                acknowledged[block] = found;
                begun[block] = found;
            }
        }
        base += writes.size();
        writes.clear();
        unflushed = new ArrayList<>();
        flushes.clear();
        busy.clear();
        return new Verdict(blocks, stamped, newer);
    }

    private void judge(int block, long found) {
        if (found < durable[block]) {
            complain("lost: block %d is of write %d, %d was durable", block, found, durable[block]);
        } else if (found > begun[block] || (found != durable[block] && !covers(found, block))) {
            complain("misplaced: block %d is of write %d, which was not there", block, found);
        }
    }

    private boolean covers(long sequence, int block) {
        int index = Math.toIntExact(sequence - base - 1);
        if (index < 0 || index >= writes.size()) {
            return false;
        }
        Request write = writes.get(index);
        return block >= write.first && block < write.first + write.count;
    }

    /// @return which write a block is of, 0 if it was never written, -1 if it is none's
    private long stampIn(ByteBuffer data, int at, int block, String where) {
        data.order(ByteOrder.LITTLE_ENDIAN);
        if (data.getLong(at) == 0 && isZero(data, at)) {
            return 0;
        }
        if (data.getLong(at) != MAGIC || data.getLong(at + blockSize - SUM) != checksum(data, at)) {
            complain("torn: block %d of the %s is no whole write", block, where);
            return -1;
        }
        if (data.getLong(at + 8) != seed || data.getLong(at + 16) != block) {
            complain(
                    "misplaced: block %d of the %s is block %d of seed %d",
                    block, where, data.getLong(at + 16), data.getLong(at + 8));
            return -1;
        }
        return data.getLong(at + 24);
    }

    private boolean isZero(ByteBuffer data, int at) {
        for (int i = 0; i < blockSize; i += 8) {
            if (data.getLong(at + i) != 0) {
                return false;
            }
        }
        return true;
    }

    private long checksum(ByteBuffer data, int at) {
        CRC32C crc = new CRC32C();
        crc.update(data.slice(at, blockSize - SUM));
        return crc.getValue();
    }
}
