package helix.integration;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import helix.posix.EventFd;
import helix.posix.Mapping;
import helix.posix.PollSet;
import helix.posix.PosixException;
import helix.posix.UnixSocket;
import helix.posix.UnixSocket.Received;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;

/// A vhost-user back-end in this JVM, with split rings, that serves requests and breaks the rules
/// while it does, as a seed says. What a kind of device does with a request is a subclass's.
abstract class HostileBackend implements AutoCloseable {
    /// What it does wrong, one in so many requests each. The later ones end a device's use.
    enum Mutation {
        STORM,
        SCRIBBLE,
        LATE,
        SHORT,
        FLAGS,
        GARBAGE,
        BAD_ID,
        TOO_LONG,
        INDEX_JUMP,
        TWICE,
        RING_ERROR,
        HANG_UP;

        boolean isFatal() {
            return ordinal() >= BAD_ID.ordinal();
        }
    }

    static final long VERSION_1 = 1L << 32;
    static final long INDIRECT = 1L << 28;
    private static final long PROTOCOL_FEATURES = 1L << 30;
    private static final int REPLY_ACK_CONFIG_MQ = 1 | 1 << 3 | 1 << 9;
    private static final int HEADER = 12;
    private static final int NEED_REPLY = 8;
    private static final int REPLY = 5;
    private static final int SCRIBBLED = 16;

    /// A piece of a request.
    record Piece(MemorySegment bytes, boolean writable) {}

    /// A request as it was taken.
    ///
    /// @param table its indirect descriptors, 0 if it has none
    record Taken(int head, List<Piece> pieces, long table) {
        long writable() {
            return pieces.stream().filter(Piece::writable).mapToLong(p -> p.bytes.byteSize()).sum();
        }
    }

    private static final class Ring {
        int size;
        long descriptors;
        long used;
        long available;
        int taken;
        int written;
        int kick = -1;
        int call = -1;
        int error = -1;
        boolean enabled;
        final Deque<Taken> late = new ArrayDeque<>();

        boolean runs() {
            return enabled && kick >= 0 && size > 0 && descriptors != 0;
        }

        void stop() {
            enabled = false;
            closeFd(kick);
            closeFd(call);
            closeFd(error);
            kick = -1;
            call = -1;
            error = -1;
            late.clear();
        }
    }

    final Random random;
    private final Path path;
    private final UnixSocket listener;
    private final Thread thread;
    private final int fatalOneIn;
    private final Ring[] rings;
    private final long[] counts = new long[Mutation.values().length];
    private volatile long mutations;
    private volatile long served;
    private volatile long fatal;
    private volatile long connections;
    private volatile boolean tame;
    private volatile boolean hangsUp;
    private volatile boolean closed;
    private volatile Throwable failure;
    private Arena arena = Arena.ofShared();
    private MemorySegment memory = MemorySegment.NULL;
    private long base;

    /// @param fatalOneIn of so many requests one ends the device's use
    HostileBackend(Path path, int queues, long seed, int fatalOneIn) {
        this.path = path;
        this.fatalOneIn = fatalOneIn;
        random = new Random(seed);
        rings = new Ring[queues];
        for (int i = 0; i < queues; i++) {
            rings[i] = new Ring();
        }
        listener = UnixSocket.listen(path);
        thread = Thread.ofPlatform().daemon().name("hostile back-end").unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    long mutations() {
        return mutations;
    }

    long served() {
        return served;
    }

    long fatal() {
        return fatal;
    }

    /// How often it was called.
    long connections() {
        return connections;
    }

    /// Ends the connection.
    void hangUp() {
        hangsUp = true;
    }

    /// From now on it does as it should.
    void tame() {
        tame = true;
    }

    /// Not null if this back-end itself is broken.
    Throwable failure() {
        return failure;
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("served " + served);
        for (Mutation m : Mutation.values()) {
            text.append(' ').append(m).append('=').append(counts[m.ordinal()]);
        }
        return text.toString();
    }

    /// The features beside those of vhost-user.
    abstract long features();

    /// The config space, perhaps another at each call.
    abstract byte[] config(int size);

    /// Does what a request asks for.
    ///
    /// @return bytes written; -1 to keep it
    abstract int serve(int queue, Taken request);

    /// Whether the answer says which device this is: with another it would be another device, for
    /// which nobody waits.
    abstract boolean isIdentity(Taken request);

    /// Called now and then, for what comes without being asked for.
    void idle() {}

    /// Counts a lie in what a subclass has written.
    final void lied() {
        mutations++;
    }

    final boolean isTame() {
        return tame;
    }

    /// Whether now is the time for what may end the device's use.
    final boolean isFatalTime() {
        return random.nextInt(fatalOneIn) == 0;
    }

    private void run() {
        while (!closed) {
            try (UnixSocket peer = listener.accept(50)) {
                serveConnection(peer);
            } catch (PosixException e) {
                Thread.onSpinWait(); // nobody came, or the front-end has gone
            } catch (RuntimeException | Error e) {
                failure = e;
                return;
            } finally {
                for (Ring ring : rings) {
                    ring.stop();
                }
            }
        }
    }

    private void serveConnection(UnixSocket peer) {
        connections++;
        hangsUp = false;
        while (!closed && !hangsUp) {
            PollSet set = new PollSet(1 + rings.length);
            int spoken = set.add(peer.fd());
            for (Ring ring : rings) {
                if (ring.kick >= 0) {
                    int _ = set.add(ring.kick);
                }
            }
            int _ = set.await(5);
            if (set.isReady(spoken)) {
                handle(peer);
            }
            for (int i = 0; i < rings.length; i++) {
                if (rings[i].kick >= 0) {
                    try (EventFd kick = EventFd.borrowed(rings[i].kick)) {
                        long _ = kick.drain();
                    }
                }
                if (rings[i].runs() && !work(i)) {
                    return;
                }
            }
            idle();
        }
    }

    // ---- Rings

    /// Serves what is available.
    ///
    /// @return false to hang up
    private boolean work(int queue) {
        Ring ring = rings[queue];
        boolean any = false;
        while (u16(ring.available + 2) != (ring.taken & 0xFFFF)) {
            VarHandle.acquireFence();
            Taken request = take(ring);
            Mutation mutation = tame ? null : draw();
            if (mutation != null) {
                counts[mutation.ordinal()]++;
                mutations++;
                fatal += mutation.isFatal() ? 1 : 0;
            }
            if (mutation == Mutation.HANG_UP) {
                return false;
            }
            if (mutation == Mutation.LATE) {
                ring.late.add(request);
                continue;
            }
            any |= complete(queue, request, mutation);
        }
        while (!ring.late.isEmpty() && (tame || random.nextInt(4) != 0)) {
            any |= complete(queue, ring.late.removeLast(), null);
        }
        if (any) {
            call(ring, 1);
        }
        return true;
    }

    private Mutation draw() {
        Mutation[] all = Mutation.values();
        int harmless = Mutation.BAD_ID.ordinal();
        if (random.nextInt(fatalOneIn) == 0) {
            return all[harmless + random.nextInt(all.length - harmless)];
        }
        return all[random.nextInt(harmless)];
    }

    private boolean complete(int queue, Taken request, Mutation mutation) {
        Ring ring = rings[queue];
        int written = serve(queue, request);
        if (written < 0) {
            return false;
        }
        served++;
        int id = request.head;
        switch (mutation) {
            case null -> {}
            case STORM -> call(ring, 1 + random.nextInt(50));
            case SCRIBBLE -> scribble(ring, request);
            case SHORT -> written = random.nextInt(written + 1);
            case FLAGS -> put16(ring.used, random.nextInt(1 << 16));
            case GARBAGE -> {
                if (!isIdentity(request)) {
                    garbage(request);
                }
            }
            case BAD_ID -> id = random.nextBoolean() ? random.nextInt() : ring.size;
            case TOO_LONG -> written = (int) (request.writable() + 1 + random.nextInt(1 << 30));
            case INDEX_JUMP -> ring.written += ring.size + random.nextInt(30_000);
            case TWICE -> use(ring, id, written);
            case RING_ERROR -> signal(ring.error);
            case LATE, HANG_UP -> throw new IllegalStateException();
        }
        use(ring, id, written);
        return true;
    }

    private void use(Ring ring, int id, int written) {
        long element = ring.used + 4 + 8L * (ring.written & ring.size - 1);
        put32(element, id);
        put32(element + 4, written);
        VarHandle.releaseFence();
        ring.written++;
        put16(ring.used + 2, ring.written);
    }

    /// The descriptors of a request that is being ended: loops, wild addresses, anything. Some are
    /// the driver's again at that moment, as they would be for a device that does this.
    private void scribble(Ring ring, Taken request) {
        // An indirect table has no other entries for as long as it is in use.
        boolean inTable = request.table != 0 && random.nextBoolean();
        int number = inTable ? random.nextInt(request.pieces.size()) : request.head;
        long entry = (inTable ? request.table : ring.descriptors) + 16L * number;
        byte[] noise = new byte[SCRIBBLED];
        random.nextBytes(noise);
        if (random.nextBoolean()) {
            // A loop of one.
            noise[12] = 1;
            noise[13] = 0;
            noise[14] = (byte) number;
            noise[15] = (byte) (number >> 8);
        }
        MemorySegment.copy(noise, 0, at(entry, SCRIBBLED), JAVA_BYTE, 0, SCRIBBLED);
    }

    /// In what the device may write.
    private void garbage(Taken request) {
        for (Piece piece : request.pieces) {
            if (piece.writable) {
                long last = piece.bytes.byteSize() - 1;
                piece.bytes.set(JAVA_BYTE, last, (byte) random.nextInt());
                piece.bytes.set(JAVA_BYTE, random.nextLong(last + 1), (byte) random.nextInt());
            }
        }
    }

    private Taken take(Ring ring) {
        int head = u16(ring.available + 4 + 2L * (ring.taken & ring.size - 1));
        ring.taken++;
        List<Piece> pieces = new ArrayList<>();
        long table = ring.descriptors;
        long indirect = 0;
        int at = head;
        while (true) {
            long entry = table + 16L * at;
            MemorySegment d = at(entry, 16);
            long address = d.get(JAVA_LONG_UNALIGNED, 0);
            int length = d.get(JAVA_INT_UNALIGNED, 8);
            int flags = d.get(JAVA_SHORT_UNALIGNED, 12);
            if ((flags & 4) != 0) {
                table = address;
                indirect = address;
                at = 0;
                continue;
            }
            pieces.add(new Piece(at(address, length), (flags & 2) != 0));
            if ((flags & 1) == 0) {
                return new Taken(head, pieces, indirect);
            }
            at = d.get(JAVA_SHORT_UNALIGNED, 14) & 0xFFFF;
        }
    }

    private static void call(Ring ring, int times) {
        for (int i = 0; i < times; i++) {
            signal(ring.call);
        }
    }

    private static void signal(int fd) {
        if (fd >= 0) {
            EventFd.signal(fd);
        }
    }

    private MemorySegment at(long address, long size) {
        return memory.asSlice(address - base, size);
    }

    private int u16(long address) {
        return at(address, 2).get(JAVA_SHORT_UNALIGNED, 0) & 0xFFFF;
    }

    private void put16(long address, int value) {
        at(address, 2).set(JAVA_SHORT_UNALIGNED, 0, (short) value);
    }

    private void put32(long address, int value) {
        at(address, 4).set(JAVA_INT_UNALIGNED, 0, value);
    }

    // ---- Protocol

    private void handle(UnixSocket peer) {
        List<Integer> passed = new ArrayList<>();
        ByteBuffer header = read(peer, HEADER, passed);
        int code = header.getInt();
        int flags = header.getInt();
        ByteBuffer body = read(peer, header.getInt(), passed);
        byte[] reply = answer(code, body, passed);
        for (int fd : passed) {
            closeFd(fd);
        }
        if (reply.length == 0 && (flags & NEED_REPLY) != 0) {
            reply = u64(0);
        }
        if (reply.length > 0) {
            peer.sendWithDescriptors(
                    ByteBuffer.allocate(HEADER + reply.length)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putInt(code)
                            .putInt(REPLY)
                            .putInt(reply.length)
                            .put(reply)
                            .array());
        }
    }

    private ByteBuffer read(UnixSocket peer, int size, List<Integer> passed) {
        byte[] bytes = new byte[size];
        PollSet set = new PollSet(1);
        int _ = set.add(peer.fd());
        int got = 0;
        while (got < size && !closed) {
            if (set.await(20) > 0) {
                Received part = peer.receiveWithDescriptors(bytes, got, size - got, 8);
                got += part.length();
                passed.addAll(part.descriptors());
            }
        }
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private byte[] answer(int code, ByteBuffer body, List<Integer> passed) {
        switch (code) {
            case 1 -> {
                return u64(features() | VERSION_1 | PROTOCOL_FEATURES);
            }
            case 5 -> map(body, passed);
            case 8 -> ring(body).size = body.getInt(4);
            case 9 -> {
                Ring ring = ring(body);
                ring.descriptors = body.getLong(8);
                ring.used = body.getLong(16);
                ring.available = body.getLong(24);
            }
            case 10 -> {
                Ring ring = ring(body);
                ring.taken = body.getInt(4);
                ring.written = ring.taken;
            }
            case 11 -> {
                Ring ring = ring(body);
                int taken = ring.taken;
                ring.stop();
                return ByteBuffer.allocate(8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(body.getInt(0))
                        .putInt(taken & 0xFFFF)
                        .array();
            }
            case 12 -> ring(body).kick = replace(ring(body).kick, passed);
            case 13 -> ring(body).call = replace(ring(body).call, passed);
            case 14 -> ring(body).error = replace(ring(body).error, passed);
            case 15 -> {
                return u64(REPLY_ACK_CONFIG_MQ);
            }
            case 17 -> {
                return u64(rings.length);
            }
            case 18 -> ring(body).enabled = body.getInt(4) != 0;
            case 24 -> {
                byte[] config = config(body.getInt(4));
                System.arraycopy(config, 0, body.array(), 12, config.length);
                return body.array();
            }
            default -> {
                // Nothing to be done.
            }
        }
        return new byte[0];
    }

    private Ring ring(ByteBuffer body) {
        return rings[body.get(0) & 0xFF];
    }

    private static int replace(int old, List<Integer> passed) {
        closeFd(old);
        return passed.isEmpty() ? -1 : passed.removeFirst();
    }

    private static void closeFd(int fd) {
        if (fd >= 0) {
            UnixSocket.closePassed(fd);
        }
    }

    private void map(ByteBuffer body, List<Integer> passed) {
        arena.close();
        arena = Arena.ofShared();
        base = body.getLong(8);
        memory = Mapping.map(passed.getFirst(), body.getLong(32), body.getLong(16), arena);
    }

    private static byte[] u64(long value) {
        return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
    }

    @Override
    public void close() throws IOException {
        closed = true;
        try {
            thread.join(5_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        listener.close();
        arena.close();
        Files.deleteIfExists(path);
    }
}
