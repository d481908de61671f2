package helix.hal.sim.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import helix.hal.sim.virtio.Host.HostRing;
import helix.hal.sim.virtio.Host.Piece;
import java.lang.management.ManagementFactory;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/// What the models cost, without a driver and without a machine: the time and the bytes that are
/// spent in `tick`.
class ModelCostTest {
    private static final int DEPTH = 32;
    private static final int SIZE = 128;
    private static final int ROUNDS = 20_000;

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /// What a number of rounds cost.
    record Cost(double nanos, long bytes) {}

    /// Lays the same requests before the device again and again.
    private Cost blk(int rounds, String... options) {
        Map<String, String> all = options(options);
        all.putIfAbsent("backing", "null:1G");
        try (FakeMachine machine = new FakeMachine(new VirtioBlkFactory().create("blk0", all))) {
            Host host = new Host(machine);
            long features = host.offered();
            host.negotiate(features);
            HostRing ring = host.queue(0, SIZE, features, 1);
            host.ready();
            ring.interrupts(false);
            List<Piece> pieces =
                    List.of(
                            Host.in(host.allocate(16, 8), 16),
                            Host.out(host.allocate(4096, 4096), 4096),
                            Host.out(host.allocate(1, 1), 1));
            return run(machine, List.of(ring), List.of(pieces), rounds);
        }
    }

    private Cost net(int rounds, String... options) {
        Map<String, String> all = options(options);
        try (FakeMachine machine = new FakeMachine(new VirtioNetFactory().create("net0", all))) {
            Host host = new Host(machine);
            long features =
                    host.offered() & ~(1L << 17 | 1L << 18 | 1L << 19 | 1L << 21 | 1L << 23);
            host.negotiate(features);
            HostRing receive = host.queue(0, SIZE, features, 1);
            HostRing transmit = host.queue(1, SIZE, features, 1);
            host.ready();
            receive.interrupts(false);
            transmit.interrupts(false);
            return run(
                    machine,
                    List.of(receive, transmit),
                    List.of(
                            List.of(Host.out(host.allocate(1600, 64), 1600)),
                            List.of(Host.in(host.allocate(76, 64), 76))),
                    rounds);
        }
    }

    private static Map<String, String> options(String... options) {
        Map<String, String> all = new HashMap<>();
        for (int i = 0; i < options.length; i += 2) {
            all.put(options[i], options[i + 1]);
        }
        return all;
    }

    private Cost run(
            FakeMachine machine, List<HostRing> rings, List<List<Piece>> buffers, int rounds) {
        long best = Long.MAX_VALUE;
        long bytes = 0;
        int ended = 0;
        for (int round = 0; round < rounds; round++) {
            for (int q = 0; q < rings.size(); q++) {
                for (int i = 0; i < DEPTH; i++) {
                    rings.get(q).add(buffers.get(q));
                }
            }
            long allocated = threads.getCurrentThreadAllocatedBytes();
            long start = System.nanoTime();
            int done = machine.tick();
            while (done > 1) {
                done = machine.tick();
            }
            best = Math.min(best, System.nanoTime() - start);
            bytes += threads.getCurrentThreadAllocatedBytes() - allocated;
            for (HostRing ring : rings) {
                while (ring.poll() != null) {
                    ended++;
                }
            }
        }
        assertThat(machine.violations).isEmpty();
        assertThat(ended).isEqualTo(rounds * DEPTH * rings.size());
        return new Cost((double) best / DEPTH, bytes / rounds);
    }

    @Test
    void nothingIsAllocatedPerRequest() {
        // Interpreted code allocates what compiled code does not; so do the first rounds.
        for (String packed : List.of("off", "on")) {
            Cost _ = blk(3000, "packed", packed, "backing", "mem:1M");
            assertThat(blk(500, "packed", packed, "backing", "mem:1M").bytes).isLessThan(DEPTH * 8);
            Cost _ = net(3000, "packed", packed);
            assertThat(net(500, "packed", packed).bytes).isLessThan(DEPTH * 8);
        }
    }

    @Test
    @EnabledIfSystemProperty(named = "helix.timing", matches = "true")
    void costs() {
        for (int i = 0; i < 3; i++) {
            for (String packed : List.of("off", "on")) {
                print("blk null shuffled packed=" + packed, blk(ROUNDS, "packed", packed));
                print(
                        "blk null fifo packed=" + packed,
                        blk(ROUNDS, "packed", packed, "order", "fifo"));
                print(
                        "blk mem packed=" + packed,
                        blk(ROUNDS, "packed", packed, "backing", "mem:1M"));
                print("net loopback packed=" + packed, net(ROUNDS, "packed", packed));
            }
        }
    }

    private static void print(String what, Cost cost) {
        System.out.printf("%s: %.0f ns, %d bytes a round%n", what, cost.nanos, cost.bytes);
    }
}
