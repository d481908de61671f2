package helix.integration.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.machine.Machine;
import helix.hal.sim.SimMachine;
import helix.hal.sim.nvme.NvmeFactory;
import java.time.Duration;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.Test;

/// The classic bugs of drivers, each in a few lines at the level of registers and queues: the
/// embedded machine's checks (its IOMMU, its violations, steps between a driver's accesses) tell of
/// each, and without the checks each goes unseen.
public class PlantedBugsIT {
    private static final int CLASS = 0x010802;
    private static final int READ = 0x02;

    /// A machine that works when it is told to.
    private static final class Stepped implements Bench {
        private final SimMachine machine;

        Stepped(boolean iommu) {
            SimMachine.Builder builder =
                    SimMachine.builder()
                            .seed(1)
                            .stepped()
                            .memory(64L << 20)
                            .plug(
                                    "nv",
                                    new NvmeFactory()
                                            .create(
                                                    "nv",
                                                    Map.of("backing", "mem:4M", "queues", "4")));
            machine = iommu ? builder.build() : builder.withoutIommu().build();
        }

        @Override
        public Machine machine() {
            return machine;
        }

        @Override
        public void work() {
            machine.advance(Duration.ofNanos(50_000));
        }

        @Override
        public void close() {
            machine.close();
        }
    }

    /// What the machine has told.
    private record Told(int violations, int faults, String said) {}

    private static Told run(boolean iommu, Consumer<NvmeRig> driver) {
        try (Stepped bench = new Stepped(iommu);
                Function function =
                        new Function(bench, Function.find(bench, CLASS).getFirst(), 0)) {
            NvmeRig rig = new NvmeRig(function);
            Transcript transcript = new Transcript();
            rig.begin(transcript);
            rig.ready();
            int before = bench.machine.violations().size();
            driver.accept(rig);
            return new Told(
                    bench.machine.violations().size() - before,
                    bench.machine.iommuFaults().size(),
                    String.join("; ", transcript.lines()));
        }
    }

    private static Sqe read(long address, long second, int blocks) {
        return Sqe.of(READ).nsid(1).prp(address, second).cdw(12, blocks - 1);
    }

    private static void send(NvmeRig r, Sqe command) {
        boolean _ = r.send(1, "read", command);
    }

    private static void withoutPhase(NvmeRig r, boolean checksPhase) {
        int _ = r.put(1, read(r.page(0), 0, 1));
        r.ring(1);
        if (!checksPhase) {
            // What lies in the ring is taken for a completion.
            r.doorbell(1, true, 1);
        }
        boolean _ = r.await(1, "read");
    }

    @Test
    public void aCompletionTakenWithoutItsPhase() {
        assertThat(run(true, r -> withoutPhase(r, false)).violations()).isPositive();
        assertThat(run(true, r -> withoutPhase(r, true)).violations()).isZero();
        // Unchecked, the driver goes on: its command succeeds later.
        assertThat(run(true, r -> withoutPhase(r, false)).said()).contains("success");
    }

    /// Entry and doorbell the wrong way round: only a device that looks in between sees it.
    private static void withoutBarrier(NvmeRig r, boolean deviceLooksInBetween) {
        r.doorbell(1, false, 1);
        if (deviceLooksInBetween) {
            r.function().work();
        }
        int _ = r.put(1, read(r.page(0), 0, 1), 77);
        boolean _ = r.await(1, "read");
    }

    @Test
    public void aDoorbellThatOvertakesItsEntry() {
        assertThat(run(true, r -> withoutBarrier(r, true)).said())
                .doesNotContain("id 77")
                .contains("status");
        assertThat(run(true, r -> withoutBarrier(r, false)).said())
                .contains("id 77")
                .contains("success");
    }

    /// The list's second entry names the page after the buffer's last.
    private static void prpOffByOne(NvmeRig r) {
        long first = r.function().grant(0);
        send(r, read(first, first + 4096, 16));
    }

    @Test
    public void aPrpThatIsOffByOne() {
        assertThat(run(true, PlantedBugsIT::prpOffByOne).faults()).isPositive();
        Told unchecked = run(false, PlantedBugsIT::prpOffByOne);
        assertThat(unchecked.faults()).isZero();
        assertThat(unchecked.said()).contains("success");
    }

    /// The buffer goes back before the command's completion was seen.
    private static void freedEarly(NvmeRig r) {
        long buffer = r.function().grant(0);
        int _ = r.put(1, read(buffer, 0, 8));
        r.ring(1);
        r.function().revoke(0);
        boolean _ = r.await(1, "read");
    }

    @Test
    public void dmaAfterFree() {
        assertThat(run(true, PlantedBugsIT::freedEarly).faults()).isPositive();
        Told unchecked = run(false, PlantedBugsIT::freedEarly);
        assertThat(unchecked.faults()).isZero();
        assertThat(unchecked.said()).contains("success");
    }

    /// A generation that died left a command in flight; its buffer is returned, and the command is
    /// sent again with another.
    private static void replay(NvmeRig r, boolean resets) {
        long old = r.function().grant(0);
        int _ = r.put(1, read(old, 0, 8), 55);
        r.ring(1);
        if (resets) {
            r.configure(0);
        }
        r.function().revoke(0);
        if (resets) {
            r.begin(new Transcript());
            r.ready();
        }
        int _ = r.put(1, read(r.page(0), 0, 8), 56);
        r.ring(1);
        r.awaitAll(1, "read", resets ? 1 : 2);
    }

    @Test
    public void aReplayWithoutAReset() {
        assertThat(run(true, r -> replay(r, false)).faults()).isPositive();
        assertThat(run(true, r -> replay(r, true)).faults()).isZero();
        Told unchecked = run(false, r -> replay(r, false));
        assertThat(unchecked.faults()).isZero();
        assertThat(unchecked.said()).contains("success");
    }
}
