package helix.integration;

import helix.integration.Ledger.Kind;
import helix.integration.Ledger.Request;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Verified load from outside, through an NBD connection: what is acknowledged is known here and
/// stays known when the server is killed.
final class NbdLoad implements AutoCloseable {
    private static final int DEPTH = 16;

    private final NbdClient client;
    private final Ledger ledger;
    private final Workload workload;
    private final Slot[] slots = new Slot[DEPTH];
    private final BlockingQueue<Slot> free = new ArrayBlockingQueue<>(DEPTH);
    private final Thread sender;
    private final Thread receiver;
    private volatile boolean stopping;
    private volatile @Nullable IOException end;

    private static final class Slot {
        final int index;

        /// The sender's until the request is sent, then the receiver's where it is a read.
        final ByteBuffer data = ByteBuffer.allocateDirect(Workload.MAX_BYTES);

        volatile Request request = new Request(Kind.FLUSH, 0, 0, 0);
        volatile long began;

        Slot(int index) {
            this.index = index;
        }
    }

    private NbdLoad(NbdClient client, Ledger ledger, long seed) {
        this.client = client;
        this.ledger = ledger;
        this.workload = new Workload(ledger, seed, client.canForce());
        for (int i = 0; i < DEPTH; i++) {
            slots[i] = new Slot(i);
            free.add(slots[i]);
        }
        sender = Thread.ofPlatform().name("load sender").unstarted(this::send);
        receiver = Thread.ofPlatform().name("load receiver").unstarted(this::receive);
    }

    /// Begins; what the connection carries is this load's from now on.
    static NbdLoad start(NbdClient client, Ledger ledger, long seed) {
        NbdLoad load = new NbdLoad(client, ledger, seed);
        load.sender.start();
        load.receiver.start();
        return load;
    }

    Workload workload() {
        return workload;
    }

    private void send() {
        try {
            while (true) {
                Slot slot = free.poll(100, TimeUnit.MILLISECONDS);
                if (stopping || end != null) {
                    return;
                }
                if (slot == null) {
                    continue;
                }
                Request request = workload.next();
                if (request == null) {
                    free.add(slot);
                    Thread.onSpinWait();
                    continue;
                }
                send(slot, request);
            }
        } catch (IOException e) {
            end = e;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void send(Slot slot, Request request) throws IOException {
        int bytes = request.count() * ledger.blockSize();
        long offset = (long) request.first() * ledger.blockSize();
        slot.request = request;
        slot.data.clear().limit(bytes);
        slot.began = System.nanoTime();
        switch (request.kind()) {
            case READ -> client.send(NbdClient.READ, 0, slot.index, offset, bytes, null);
            case FLUSH -> client.send(NbdClient.FLUSH, 0, slot.index, 0, 0, null);
            case WRITE, WRITE_DURABLE -> {
                ledger.stamp(request, slot.data);
                int flags = request.kind() == Kind.WRITE_DURABLE ? NbdClient.FUA : 0;
                client.send(NbdClient.WRITE, flags, slot.index, offset, bytes, slot.data);
            }
        }
    }

    private void receive() {
        try {
            while (!stopping || free.remainingCapacity() > 0) {
                NbdClient.Reply reply = client.receive(this::memory);
                Slot slot = slots[Math.toIntExact(reply.cookie())];
                if (slot.request.kind() == Kind.READ) {
                    slot.data.flip();
                }
                ledger.ended(slot.request, reply.error(), slot.data);
                workload.took(slot.began);
                free.add(slot);
            }
        } catch (IOException e) {
            end = e;
        }
    }

    private @Nullable ByteBuffer memory(long cookie) {
        Slot slot = slots[Math.toIntExact(cookie)];
        return slot.request.kind() == Kind.READ ? slot.data : null;
    }

    /// Waits until the server has hung up.
    void awaitEnd(long millis) throws InterruptedException {
        receiver.join(millis);
        sender.join(millis);
        if (receiver.isAlive() || sender.isAlive()) {
            throw new AssertionError("the connection did not end within " + millis + " ms");
        }
    }

    /// Why the connection ended, null if it has not.
    @Nullable IOException end() {
        return end;
    }

    @Override
    public void close() throws IOException {
        stopping = true;
        client.close();
    }
}
