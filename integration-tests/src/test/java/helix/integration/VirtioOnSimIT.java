package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.net.NetworkDevice;
import helix.driver.kit.BlockDeviceKit;
import helix.driver.kit.net.NetPeer;
import helix.driver.kit.net.NetworkDeviceKit;
import helix.hal.api.machine.MachineControl;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.inject.Inject;
import org.jspecify.annotations.Nullable;
import org.junit.After;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.junit.PaxExam;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.BundleContext;

/// The drivers of virtio devices on the embedded machine's, in all their shapes: the contracts.
@RunWith(PaxExam.class)
@ExamReactorStrategy(PerClass.class)
public class VirtioOnSimIT {
    private static final String WIRES = "helix.it.sim.wires";
    private static final int ROUNDS = 300;

    private static final List<Map.Entry<String, String>> DISKS =
            List.of(
                    Map.entry("vsplit", "packed=off"),
                    Map.entry("vpacked", "packed=on queues=2"),
                    Map.entry("vlarge", "queue-size=1024"),
                    Map.entry("vbare", "event_idx=off indirect_desc=off"),
                    Map.entry("vmany", "queues=4 vectors=3 size_max=4096"),
                    Map.entry("vline", "vectors=0"));

    private static final List<String> CARDS =
            List.of(
                    "packed=off",
                    "packed=on",
                    "queues=4",
                    "mrg_rxbuf=off",
                    "event_idx=off indirect_desc=off",
                    "vectors=0",
                    "queue_reset=off",
                    "queue-size=1024 packed=on order=shuffled");

    @Inject private BundleContext context;

    @Configuration
    public Option[] platform() throws IOException {
        Path folder = Files.createTempDirectory("helix-it-sim");
        System.setProperty(WIRES, folder.toString());
        List<String> lines = new ArrayList<>(List.of("memory 256M", "ports 2", "disk none"));
        for (var disk : DISKS) {
            lines.add(
                    "device virtio-blk %s size=16M serial=%s %s"
                            .formatted(disk.getKey(), disk.getKey(), disk.getValue()));
        }
        for (int i = 0; i < CARDS.size(); i++) {
            StreamWire.open(folder.resolve("w" + i));
            lines.add(
                    "device virtio-net c%d mac=%s peer=socket=%s %s"
                            .formatted(i, mac(i), folder.resolve("w" + i), CARDS.get(i)));
        }
        return Platform.onSim(lines);
    }

    private static String mac(int card) {
        return "52:54:00:11:33:%02x".formatted(card);
    }

    /// The devices saw nothing that a driver must not do.
    @After
    public void nobodyBrokeTheRules() throws Exception {
        EmbeddedMachine.of(context).assertRulesKept();
    }

    private void disk(String serial) throws InterruptedException {
        BlockDevice device =
                Platform.service(
                        context, BlockDevice.class, "(block.identity=virtio-blk/" + serial + "/1)");
        BlockDeviceKit.of(() -> device)
                .withRounds(ROUNDS)
                .runAll(line -> System.out.println(serial + ": " + line))
                .assertPassed();
    }

    @Test
    public void aSplitQueue() throws Exception {
        disk("vsplit");
    }

    @Test
    public void packedQueues() throws Exception {
        disk("vpacked");
    }

    @Test
    public void aLargeQueue() throws Exception {
        disk("vlarge");
    }

    @Test
    public void aQueueWithoutTablesAndEventIndex() throws Exception {
        disk("vbare");
    }

    @Test
    public void fourQueuesWithThreeVectors() throws Exception {
        disk("vmany");
    }

    @Test
    public void aDeviceOnTheLine() throws Exception {
        disk("vline");
    }

    /// A wire whose link the machine takes down and up.
    private record Wire(StreamWire stream, MachineControl machine, int card) implements NetPeer {
        @Override
        public void deliver(byte[] frame) {
            stream.deliver(frame);
        }

        @Override
        public byte @Nullable [] take(long nanos) {
            return stream.take(nanos);
        }

        @Override
        public boolean hasLink() {
            return true;
        }

        @Override
        public void link(boolean up) {
            String _ = machine.fault("link", Map.of("id", "c" + card, "up", up ? "on" : "off"));
        }
    }

    private void card(String shape) throws InterruptedException {
        int card = CARDS.indexOf(shape);
        NetworkDevice device =
                Platform.service(context, NetworkDevice.class, "(net.identity=" + mac(card) + ")");
        MachineControl machine =
                Platform.service(context, MachineControl.class, "(helix.machine=sim)");
        StreamWire wire = StreamWire.of(Path.of(System.getProperty(WIRES)).resolve("w" + card));
        NetworkDeviceKit.Report report =
                NetworkDeviceKit.of(() -> device, new Wire(wire, machine, card))
                        .runAll(line -> System.out.println(shape + ": " + line));
        report.assertPassed();
        assertThat(report.passed()).as("%s", report.skipped()).hasSizeGreaterThan(22);
    }

    @Test
    public void aCardWithSplitRings() throws Exception {
        card("packed=off");
    }

    @Test
    public void aCardWithPackedRings() throws Exception {
        card("packed=on");
    }

    @Test
    public void aCardWithSeveralQueues() throws Exception {
        card("queues=4");
    }

    @Test
    public void aCardWithoutMergeableBuffers() throws Exception {
        card("mrg_rxbuf=off");
    }

    @Test
    public void aCardWithoutTablesAndEventIndex() throws Exception {
        card("event_idx=off indirect_desc=off");
    }

    @Test
    public void aCardOnTheLine() throws Exception {
        card("vectors=0");
    }

    @Test
    public void aCardWithoutQueueReset() throws Exception {
        card("queue_reset=off");
    }

    @Test
    public void aCardWithLargeRingsUsedOutOfOrder() throws Exception {
        card("queue-size=1024 packed=on order=shuffled");
    }
}
