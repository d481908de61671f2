package helix.integration;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.net.api.NetworkInterface;
import helix.net.api.NetworkInterface.PortOptions;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/// An interface's client, whose wire leads back what it sends.
final class FaultedCard implements FaultRun.Client {
    static final String WORKS = "sent, comes back";
    private static final int BYTES = 200;
    private static final int HEADER = 14;
    private static final long NAP_NANOS = 50_000_000;

    /// A frame that has not come back by then does not.
    private static final long LIMIT_NANOS = Duration.ofMillis(800).toNanos();

    private final NetworkInterface net;
    private final NetworkInterface.Port port;
    private final String device;
    private int number;

    FaultedCard(NetworkInterface net) {
        this.net = net;
        device = net.backing().orElseThrow().device();
        port = net.open("faults", new PortOptions(32, 32, 2048, 128, true, false));
    }

    @Override
    public String request() {
        number++;
        boolean sent;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment frame = arena.allocate(BYTES, 8);
            for (int i = 0; i < 6; i++) {
                byte part = (byte) (net.macAddress() >>> (40 - 8 * i));
                frame.set(JAVA_BYTE, i, part);
                frame.set(JAVA_BYTE, 6 + i, part);
            }
            frame.set(JAVA_BYTE, 12, (byte) 0x88);
            frame.set(JAVA_BYTE, 13, (byte) 0xB5);
            for (int i = HEADER; i < BYTES; i++) {
                frame.set(JAVA_BYTE, i, (byte) (number + i));
            }
            sent = port.send(frame);
        }
        return (sent ? "sent, " : "not taken, ") + received();
    }

    private String received() {
        Burst burst = new Burst(32);
        long end = System.nanoTime() + LIMIT_NANOS;
        boolean damaged = false;
        while (System.nanoTime() - end < 0) {
            burst.clear();
            if (port.receive(burst) == 0) {
                boolean _ = port.await(NAP_NANOS);
                continue;
            }
            FramePool pool = port.pool();
            boolean found = false;
            for (int i = 0; i < burst.size(); i++) {
                boolean good = isMine(pool, burst, i);
                found |= good;
                damaged |= !good;
                pool.give(burst.frame(i));
            }
            if (found) {
                return "comes back";
            }
        }
        return damaged ? "comes back larger" : "does not come back";
    }

    private boolean isMine(FramePool pool, Burst burst, int entry) {
        if (burst.length(entry) != BYTES) {
            return false;
        }
        long at = pool.at(burst.frame(entry));
        for (int i = HEADER; i < BYTES; i++) {
            if (pool.segment().get(JAVA_BYTE, at + i) != (byte) (number + i)) {
                return false;
            }
        }
        return true;
    }

    @Override
    public boolean isPresent() {
        return net.state() == NetworkInterface.State.PRESENT && net.isLinkUp();
    }

    @Override
    public boolean isAbsent() {
        return net.state() == NetworkInterface.State.ABSENT;
    }

    @Override
    public String device() {
        return net.backing().map(NetworkInterface.Backing::device).orElse(device);
    }

    @Override
    public void close() {
        port.close();
    }
}
