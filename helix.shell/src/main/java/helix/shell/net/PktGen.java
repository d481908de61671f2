package helix.shell.net;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.net.api.NetworkInterface;
import helix.net.api.NetworkInterface.Port;
import helix.net.api.NetworkInterface.PortOptions;
import helix.net.api.NetworkInterface.Statistics;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// Sends as many frames as it can.
@Command(description = "Sends broadcast frames of a private protocol, and counts what comes.")
public final class PktGen extends InterfaceReport {
    private static final int HEADER = 14;

    /// Local Experimental Ethertype 1, IEEE 802.
    private static final short ETHERTYPE = (short) 0x88B5;

    private static final double NANOS = 1e9;
    private static final double MEGA = 1e6;
    private static final long NAP_NANOS = 1_000_000;

    @Option(
            names = "--size",
            paramLabel = "<bytes>",
            defaultValue = "64",
            description = "Bytes of a frame with its checksum sequence; ${DEFAULT-VALUE}.")
    private int size;

    @Option(
            names = "--seconds",
            paramLabel = "<seconds>",
            defaultValue = "5",
            description = "For how long; ${DEFAULT-VALUE}.")
    private double seconds;

    @Option(
            names = "--burst",
            paramLabel = "<number>",
            defaultValue = "32",
            description = "Frames shown to the device at once; ${DEFAULT-VALUE}.")
    private int burst;

    @Option(
            names = "--rate",
            paramLabel = "<number>",
            defaultValue = "0",
            description = "The most frames a second; 0 for no limit.")
    private long rate;

    /// What was done.
    ///
    /// @param name the interface
    /// @param seconds for how long
    /// @param sent frames sent
    /// @param received frames received meanwhile
    /// @param txMpps million frames sent a second
    /// @param rxMpps million frames received a second
    /// @param txDropped frames given up
    /// @param rxDropped frames that came and were lost
    record Result(
            String name,
            double seconds,
            long sent,
            long received,
            double txMpps,
            double rxMpps,
            long txDropped,
            long rxDropped) {}

    /// Makes the command.
    ///
    /// @param platform where to act
    public PktGen(Platform platform) {
        super(platform);
    }

    @Override
    public void run(Output out) {
        NetworkInterface face = networkInterface();
        long limit = duration("--seconds", seconds).toNanos();
        int length = size - 4;
        if (length < HEADER || length > face.mtu() + HEADER) {
            throw new CommandFailed("--size " + size + " does not suit " + face.name());
        }
        if (burst < 1 || burst > 256 || rate < 0) {
            throw new CommandFailed("--burst is 1 to 256, --rate not negative");
        }
        Statistics before = face.statistics();
        long nanos;
        try (Port port =
                face.open("net:pktgen", new PortOptions(1024, 1024, 2048, 4096, false, true))) {
            nanos = generate(face, port, length, limit);
        }
        Statistics after = face.statistics();
        long sent = after.txFrames() - before.txFrames();
        long received = after.rxFrames() - before.rxFrames();
        Result result =
                new Result(
                        face.name(),
                        nanos / NANOS,
                        sent,
                        received,
                        sent * NANOS / nanos / MEGA,
                        received * NANOS / nanos / MEGA,
                        after.txDropped() - before.txDropped(),
                        after.rxDropped() - before.rxDropped());
        if (!out.json(result)) {
            out.line(
                    String.format(
                            Locale.ROOT,
                            "%s: sent %d frames, %.3f Mpps, %d dropped; received %d, %.3f Mpps,"
                                    + " %d dropped; %.2f s",
                            result.name,
                            result.sent,
                            result.txMpps,
                            result.txDropped,
                            result.received,
                            result.rxMpps,
                            result.rxDropped,
                            result.seconds));
        }
    }

    private long generate(NetworkInterface face, Port port, int length, long limit) {
        FramePool pool = port.pool();
        MemorySegment template = template(face.macAddress(), length);
        Burst out = new Burst(burst);
        Burst in = new Burst(64);
        long begin = System.nanoTime();
        long sent = 0;
        long now = begin;
        while (now - begin < limit && port.isOpen() && !Thread.currentThread().isInterrupted()) {
            if (rate > 0 && sent * NANOS > (double) (now - begin) * rate) {
                // Ahead of the rate.
                boolean _ = port.await(Math.min(NAP_NANOS, (long) (NANOS / rate) + 1));
            } else {
                while (out.room() > 0) {
                    int frame = pool.take();
                    if (frame < 0) {
                        break;
                    }
                    MemorySegment.copy(template, 0, pool.segment(), pool.at(frame), length);
                    out.add(frame, length, 0);
                }
                sent += port.send(out);
            }
            int _ = port.receive(in);
            for (int i = 0; i < in.size(); i++) {
                pool.give(in.frame(i));
            }
            in.clear();
            now = System.nanoTime();
        }
        for (int i = 0; i < out.size(); i++) {
            pool.give(out.frame(i));
        }
        return now - begin;
    }

    private static MemorySegment template(long mac, int length) {
        byte[] frame = new byte[length];
        for (int i = 0; i < 6; i++) {
            frame[i] = (byte) 0xFF;
            frame[6 + i] = (byte) (mac >>> (8 * (5 - i)));
        }
        MemorySegment segment = MemorySegment.ofArray(frame);
        segment.set(
                ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN), 12, ETHERTYPE);
        return segment;
    }
}
