package helix.shell.net;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.net.api.NetworkInterface;
import helix.net.api.NetworkInterface.Port;
import helix.net.api.NetworkInterface.PortOptions;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Passes frames from one interface to another, both ways.
@Command(description = "Passes frames between two interfaces, both ways.")
public final class Forward extends InterfaceReport {
    private static final double NANOS = 1e9;
    private static final double MEGA = 1e6;
    private static final int BURST = 32;

    @Parameters(index = "1", paramLabel = "<interface>", description = "The other interface.")
    private String other = "";

    @Option(
            names = "--seconds",
            paramLabel = "<seconds>",
            defaultValue = "5",
            description = "For how long; ${DEFAULT-VALUE}.")
    private double seconds;

    /// What was done.
    ///
    /// @param a one interface
    /// @param b the other
    /// @param seconds for how long
    /// @param forward frames from the one to the other
    /// @param back frames from the other to the one
    /// @param dropped frames that found no room
    /// @param mpps million frames a second, both ways
    record Result(
            String a,
            String b,
            double seconds,
            long forward,
            long back,
            long dropped,
            double mpps) {}

    /// Makes the command.
    ///
    /// @param platform where to act
    public Forward(Platform platform) {
        super(platform);
    }

    @Override
    public void run(Output out) {
        NetworkInterface a = networkInterface();
        NetworkInterface b = platform.networkInterface(other);
        if (a.name().equals(b.name())) {
            throw new CommandFailed("forward from " + a.name() + " to another interface");
        }
        long limit = duration("--seconds", seconds).toNanos();
        PortOptions options = new PortOptions(256, 256, 2048, 2048, false, true);
        Result result;
        try (Port left = a.open("net:forward", options);
                Port right = b.open("net:forward", options)) {
            Way forward = new Way(left, right);
            Way back = new Way(right, left);
            long begin = System.nanoTime();
            long now = begin;
            while (now - begin < limit
                    && left.isOpen()
                    && right.isOpen()
                    && !Thread.currentThread().isInterrupted()) {
                forward.move();
                back.move();
                now = System.nanoTime();
            }
            long moved = forward.moved + back.moved;
            result =
                    new Result(
                            a.name(),
                            b.name(),
                            (now - begin) / NANOS,
                            forward.moved,
                            back.moved,
                            forward.dropped + back.dropped,
                            moved * NANOS / (now - begin) / MEGA);
        }
        if (!out.json(result)) {
            out.line(
                    String.format(
                            Locale.ROOT,
                            "%s to %s: %d frames, back: %d, dropped: %d; %.3f Mpps in %.2f s",
                            result.a,
                            result.b,
                            result.forward,
                            result.back,
                            result.dropped,
                            result.mpps,
                            result.seconds));
        }
    }

    /// One way. Each port has memory of its own, so frames are copied.
    private static final class Way {
        private final Port from;
        private final Port to;
        private final Burst in = new Burst(BURST);
        private final Burst out = new Burst(BURST);
        private long moved;
        private long dropped;

        Way(Port from, Port to) {
            this.from = from;
            this.to = to;
        }

        void move() {
            int some = from.receive(in);
            if (some == 0) {
                return;
            }
            FramePool source = from.pool();
            FramePool target = to.pool();
            for (int i = 0; i < some; i++) {
                int frame = target.take();
                int length = in.length(i);
                if (frame < 0 || length > target.capacity()) {
                    dropped++;
                    if (frame >= 0) {
                        target.give(frame);
                    }
                } else {
                    MemorySegment.copy(
                            source.segment(),
                            source.at(in.frame(i)),
                            target.segment(),
                            target.at(frame),
                            length);
                    out.add(frame, length, in.flags(i) & Burst.MORE);
                }
                source.give(in.frame(i));
            }
            in.clear();
            moved += to.send(out);
            if (out.size() > 0) {
                dropped += out.size();
                to.drop(out);
            }
        }
    }
}
