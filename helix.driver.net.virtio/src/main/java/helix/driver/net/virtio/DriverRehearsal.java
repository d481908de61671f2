package helix.driver.net.virtio;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetQueueOptions;
import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.RxQueue;
import helix.driver.api.net.TxQueue;
import helix.modules.api.ModuleError;
import helix.modules.api.ModuleState;
import helix.modules.api.Rehearsal;
import helix.modules.api.RehearsalContext;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/// Runs what a hand-over runs, again and again, on scratch memory: a generation takes over, moves
/// frames, and leaves to the next. The classes are those that drive a device; only the [Hal] below
/// them has none. So they are compiled by the time they are needed.
final class DriverRehearsal {
    /// Long enough for the JVM to compile the path of a frame.
    private static final Duration LENGTH = Duration.ofMillis(200);

    private static final int DEPTH = 64;
    private static final int FRAMES = 128;
    private static final int FRAME_SIZE = 2048;
    private static final int BATCH = 32;
    private static final int LENGTH_OF_FRAME = 60;

    private final Rehearsal scratch;
    private final RehearsalHal hal;
    private final Settings settings;
    private final FramePool rxPool;
    private final FramePool txPool;
    private final Burst in = new Burst(BATCH);
    private final Burst out = new Burst(BATCH);
    private @Nullable ModuleState state;
    private long rxHandle;
    private long txHandle;

    DriverRehearsal(Rehearsal scratch, Settings settings) {
        this.scratch = scratch;
        this.settings = settings;
        hal = new RehearsalHal(scratch);
        rxPool = pool();
        txPool = pool();
    }

    private FramePool pool() {
        FramePool pool = new FramePool(hal.allocate((long) FRAMES * FRAME_SIZE), FRAME_SIZE);
        for (int frame = 0; frame < FRAMES; frame++) {
            // num_buffers, as a device would write it.
            pool.segment().set(ValueLayout.JAVA_SHORT, pool.at(frame) - 2, (short) 1);
        }
        return pool;
    }

    /// Rehearses until it has taken long enough.
    ///
    /// @throws ModuleError if a frame does not move as it must
    void run() {
        long begin = System.nanoTime();
        do {
            oneGeneration();
        } while (!scratch.deadline().isExpired() && System.nanoTime() - begin < LENGTH.toNanos());
    }

    private void oneGeneration() {
        ModuleState before = state;
        RehearsalContext platform = new RehearsalContext(before != null);
        VirtioNetDriver driver = new VirtioNetDriver(_ -> hal, settings);
        driver.init(platform);
        if (before != null) {
            driver.restoreState(before);
        }
        driver.start();
        NetworkDevice device = driver.device();
        NetQueueOptions options = new NetQueueOptions(0, DEPTH, false, true);
        RxQueue rx =
                before == null ? device.openRx(options, rxPool) : device.adoptRx(rxHandle, rxPool);
        TxQueue tx =
                before == null ? device.openTx(options, txPool) : device.adoptTx(txHandle, txPool);
        if (!(rx instanceof ReceiveQueue receiving) || !(tx instanceof TransmitQueue sending)) {
            throw new ModuleError("rehearsal: the queues were not taken over");
        }
        for (int round = 0; round < 4; round++) {
            move(receiving, sending);
        }
        int _ = driver.watch().doWork();
        rxHandle = rx.handle();
        txHandle = tx.handle();
        state = driver.saveState().orElseThrow(() -> new ModuleError("rehearsal: no hand-over"));
        require(!platform.hasFailed(), String.valueOf(platform.failure().getMessage()));
    }

    private void move(ReceiveQueue rx, TransmitQueue tx) {
        while (out.room() > 0) {
            int frame = txPool.take();
            if (frame < 0) {
                break;
            }
            out.add(frame, LENGTH_OF_FRAME, 0);
        }
        int sent = tx.send(out);
        require(sent > 0, "nothing was sent");
        hal.use(tx.ring, tx.inFlight() - 1, 0);
        int _ = tx.reclaim();
        hal.use(rx.ring, BATCH / 2, NetHeader.BYTES + LENGTH_OF_FRAME);
        int received = rx.receive(in.clear());
        require(received > 0 && in.length(0) == LENGTH_OF_FRAME, "nothing was received");
        for (int i = 0; i < received; i++) {
            rxPool.give(in.frame(i));
        }
    }

    private static void require(boolean condition, String otherwise) {
        if (!condition) {
            throw new ModuleError("rehearsal: " + otherwise);
        }
    }
}
