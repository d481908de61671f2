package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetQueueOptions;
import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.RxQueue;
import helix.driver.api.net.TxQueue;
import helix.driver.kit.net.NetPeer;
import helix.driver.kit.net.NetworkDeviceKit;
import helix.hal.api.machine.MachineControl;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.Reloads;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import javax.inject.Inject;
import org.jspecify.annotations.Nullable;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.BundleContext;

/// QEMU's virtio-net in its shapes keeps the contract of network devices, and what QEMU's own tests
/// of it try (tests/qtest/virtio-net-test.c) works with this driver too, under their names.
@RunWith(PaxExamOnQemu.class)
@ExamReactorStrategy(PerClass.class)
public class VirtioNetIT {
    private static final Duration LIMIT = Duration.ofSeconds(15);
    private static final String PORTS = "helix.it.net.ports";
    private static final String MONITOR = "helix.it.net.monitor";

    /// One card each, on its own wire.
    private static final List<String> SHAPES =
            List.of(
                    "packed=off",
                    "packed=on",
                    "mq=on",
                    "mrg_rxbuf=off",
                    "event_idx=off",
                    "indirect_desc=off",
                    "vectors=0",
                    "queue_reset=off",
                    "packed=on,event_idx=off,indirect_desc=off,mrg_rxbuf=off",
                    "rx_queue_size=1024,tx_queue_size=1024,packed=on");

    private static final int SLOT = 0x10;

    @Inject private BundleContext context;

    /// The ports and the monitor's path go by system properties: the tests run in this JVM.
    @Configuration
    public Option[] platform() throws IOException {
        List<String> arguments = new ArrayList<>();
        StringBuilder ports = new StringBuilder();
        int cards = SHAPES.size() + 2;
        int[] local = new int[cards];
        int[] remote = new int[cards];
        for (int i = 0; i < cards; i++) {
            local[i] = UdpWire.freePort();
            remote[i] = UdpWire.freePort();
            ports.append(local[i]).append(',').append(remote[i]).append(',');
        }
        // The last two are connected to each other.
        remote[cards - 2] = local[cards - 1];
        remote[cards - 1] = local[cards - 2];
        for (int i = 0; i < cards; i++) {
            arguments.add("-netdev");
            arguments.add(
                    ("dgram,id=w%d,local.type=inet,local.host=127.0.0.1,local.port=%d,"
                                    + "remote.type=inet,remote.host=127.0.0.1,remote.port=%d")
                            .formatted(i, local[i], remote[i]));
            arguments.add("-device");
            arguments.add(
                    "virtio-net-pci,id=c%d,netdev=w%d,addr=%x,romfile=,mac=%s%s"
                            .formatted(
                                    i,
                                    i,
                                    SLOT + i,
                                    mac(i),
                                    i < SHAPES.size() ? "," + SHAPES.get(i) : ""));
        }
        Path monitor = Files.createTempDirectory("helix-it-qmp").resolve("m");
        arguments.add("-qmp");
        arguments.add("unix:" + monitor + ",server=on,wait=off");
        System.setProperty(PORTS, ports.toString());
        System.setProperty(MONITOR, monitor.toString());
        return Platform.onQemu(arguments, "mem:16M");
    }

    private static String mac(int card) {
        return "52:54:00:11:22:%02x".formatted(card);
    }

    private NetworkDevice card(int card) {
        try {
            return Platform.service(
                    context, NetworkDevice.class, "(net.identity=" + mac(card) + ")");
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static UdpWire wire(int card) {
        String[] ports = System.getProperty(PORTS).split(",");
        return new UdpWire(
                Integer.parseInt(ports[2 * card + 1]), Integer.parseInt(ports[2 * card]));
    }

    private static Monitor monitor() {
        return new Monitor(Path.of(System.getProperty(MONITOR)));
    }

    // ---- The contract

    /// A wire whose link QEMU takes down and up.
    private record Wire(UdpWire udp, Monitor monitor, int card) implements NetPeer {
        @Override
        public void deliver(byte[] frame) {
            udp.deliver(frame);
        }

        @Override
        public byte @Nullable [] take(long nanos) {
            return udp.take(nanos);
        }

        @Override
        public boolean hasLink() {
            return true;
        }

        @Override
        public void link(boolean up) {
            monitor.execute(
                    "{\"execute\":\"set_link\",\"arguments\":{\"name\":\"c%d\",\"up\":%b}}"
                            .formatted(card, up));
        }
    }

    private void contract(String shape) {
        int card = SHAPES.indexOf(shape);
        try (UdpWire udp = wire(card);
                Monitor monitor = monitor()) {
            NetworkDeviceKit.Report report =
                    NetworkDeviceKit.of(() -> card(card), new Wire(udp, monitor, card))
                            .runAll(line -> {});
            report.assertPassed();
            assertThat(report.passed()).as("%s", report.skipped()).hasSizeGreaterThan(22);
        }
    }

    @Test
    public void splitRings() {
        contract("packed=off");
    }

    @Test
    public void packedRings() {
        contract("packed=on");
    }

    @Test
    public void severalQueues() {
        contract("mq=on");
    }

    @Test
    public void withoutMergeableBuffers() {
        contract("mrg_rxbuf=off");
    }

    @Test
    public void withoutEventIndex() {
        contract("event_idx=off");
    }

    @Test
    public void withoutIndirectDescriptors() {
        contract("indirect_desc=off");
    }

    @Test
    public void withoutMessageInterrupts() {
        contract("vectors=0");
    }

    @Test
    public void withoutQueueReset() {
        contract("queue_reset=off");
    }

    @Test
    public void packedAndNothingElse() {
        contract("packed=on,event_idx=off,indirect_desc=off,mrg_rxbuf=off");
    }

    @Test
    public void largePackedRings() {
        contract("rx_queue_size=1024,tx_queue_size=1024,packed=on");
    }

    // ---- Two cards

    @Test
    public void twoCardsTalkAndNothingIsAllocated() {
        NetworkDevice a = card(SHAPES.size());
        NetworkDevice b = card(SHAPES.size() + 1);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        FramePool to = new FramePool(a.allocate(256 * 2048), 2048);
        FramePool from = new FramePool(b.allocate(256 * 2048), 2048);
        NetQueueOptions options = new NetQueueOptions(0, 128, false, false);
        Burst out = new Burst(32);
        Burst in = new Burst(64);
        long allocated = 0;
        long frames = 0;
        try (TxQueue tx = a.openTx(options, to);
                RxQueue rx = b.openRx(options, from)) {
            int _ = rx.receive(in);
            for (int round = 0; round < 600; round++) {
                long before = threads.getCurrentThreadAllocatedBytes();
                int received = round(tx, rx, out, in);
                long bytes = threads.getCurrentThreadAllocatedBytes() - before;
                if (round >= 100) {
                    allocated += bytes;
                    frames += received;
                }
            }
        }
        assertThat(to.available()).isEqualTo(to.count());
        assertThat(from.available()).isEqualTo(from.count());
        to.close();
        from.close();
        assertThat(frames).isGreaterThan(5_000);
        // Each access to a register over qtest costs what the machine allocates; a frame nothing.
        assertThat((double) allocated / frames).as("bytes per frame").isLessThan(64);
        System.err.println(
                "virtio-net on QEMU: %d frames, %.2f bytes allocated per frame"
                        .formatted(frames, (double) allocated / frames));
    }

    private static int round(TxQueue tx, RxQueue rx, Burst out, Burst in) {
        FramePool pool = tx.pool();
        while (out.room() > 0) {
            int frame = pool.take();
            if (frame < 0) {
                break;
            }
            MemorySegment memory = pool.segment();
            memory.asSlice(pool.at(frame), 6).fill((byte) 0xFF);
            memory.set(java.lang.foreign.ValueLayout.JAVA_SHORT, pool.at(frame) + 12, (short) -1);
            out.add(frame, 64, 0);
        }
        int _ = tx.send(out);
        int received = 0;
        while (received < 32 && rx.await(20_000_000)) {
            int count = rx.receive(in.clear());
            for (int i = 0; i < count; i++) {
                rx.pool().give(in.frame(i));
            }
            received += count;
        }
        int _ = tx.reclaim();
        return received;
    }

    // ---- What QEMU's tests try

    private static byte[] frame(int size, int mark) {
        byte[] frame = new byte[size];
        Arrays.fill(frame, 0, 6, (byte) 0xFF);
        frame[6] = 2;
        frame[12] = (byte) 0x88;
        frame[13] = (byte) 0xB5;
        Arrays.fill(frame, 14, size, (byte) mark);
        return frame;
    }

    private static void receives(NetworkDevice device, byte[] expected) {
        byte[] target = new byte[2048];
        int length = device.recv(MemorySegment.ofArray(target), LIMIT.toNanos());
        assertThat(Arrays.copyOf(target, Math.max(length, 0))).isEqualTo(expected);
    }

    private static byte[] sends(NetPeer wire, int type) {
        while (true) {
            byte[] frame = wire.take(LIMIT.toNanos());
            assertThat(frame).as("a frame of type %x", type).isNotNull();
            if (((frame[12] & 0xFF) << 8 | frame[13] & 0xFF) == type) {
                return frame;
            }
        }
    }

    @Test
    public void basic() {
        NetworkDevice device = card(0);
        try (UdpWire wire = wire(0)) {
            int _ = device.recv(MemorySegment.ofArray(new byte[2048]), 0);
            wire.deliver(frame(64, 1));
            receives(device, frame(64, 1));
            device.send(MemorySegment.ofArray(frame(64, 2)));
            assertThat(sends(wire, 0x88B5)).isEqualTo(frame(64, 2));
        }
    }

    @Test
    public void rxStopCont() {
        NetworkDevice device = card(0);
        try (UdpWire wire = wire(0);
                Monitor monitor = monitor()) {
            int _ = device.recv(MemorySegment.ofArray(new byte[2048]), 0);
            monitor.execute("{\"execute\":\"stop\"}");
            wire.deliver(frame(70, 3));
            monitor.execute("{\"execute\":\"query-status\"}");
            monitor.execute("{\"execute\":\"cont\"}");
            receives(device, frame(70, 3));
        }
    }

    /// QEMU itself sends RARP for the card, and asks the driver to announce what it knows.
    @Test
    public void announceSelf() throws Exception {
        NetworkDevice device = card(0);
        AtomicInteger announced = new AtomicInteger();
        NetworkDevice.LinkListener listener =
                new NetworkDevice.LinkListener() {
                    @Override
                    public void linkChanged(boolean up) {
                        // Not what is looked for.
                    }

                    @Override
                    public void announce() {
                        announced.incrementAndGet();
                    }
                };
        String command =
                "{\"execute\":\"announce-self\",\"arguments\":{\"initial\":20,\"max\":100,"
                        + "\"rounds\":%d,\"step\":10,\"id\":\"bob\"}}";
        try (UdpWire wire = wire(0);
                Monitor monitor = monitor();
                AutoCloseable _ = device.onLink(listener)) {
            monitor.execute(command.formatted(300));
            // With GUEST_ANNOUNCE the card leaves it to the driver; else RARP comes from QEMU.
            Platform.await("an announcement", LIMIT, () -> announced.get() > 1);
            monitor.execute(command.formatted(0));
            device.send(MemorySegment.ofArray(frame(64, 4)));
            assertThat(sends(wire, 0x88B5)).isEqualTo(frame(64, 4));
        }
    }

    @Test
    public void largeTxUintMax() {
        large(-1);
    }

    /// NET_BUFSIZE is 4096 + 65536.
    @Test
    public void largeTxNetBufsize() {
        large((4096 + 65536) / 64);
    }

    /// QEMU's test sends 64 segments of a size; here such a frame is refused before the device sees
    /// it, and the next one goes out.
    private void large(int segment) {
        NetworkDevice device = card(0);
        FramePool pool = new FramePool(device.allocate(70 * 2048), 2048);
        try (UdpWire wire = wire(0);
                TxQueue tx = device.openTx(new NetQueueOptions(0, 64, false, false), pool)) {
            Burst burst = new Burst(64);
            for (int i = 0; i < 64; i++) {
                burst.add(pool.take(), segment, i < 63 ? Burst.MORE : 0);
            }
            assertThatThrownBy(() -> tx.send(burst)).isInstanceOf(IllegalArgumentException.class);
            assertThat(burst.size()).isEqualTo(64);
            for (int i = 0; i < 64; i++) {
                pool.give(burst.frame(i));
            }
            int number = pool.take();
            MemorySegment.copy(
                    MemorySegment.ofArray(frame(64, 5)), 0, pool.segment(), pool.at(number), 64);
            assertThat(tx.send(burst.clear().add(number, 64, 0))).isEqualTo(1);
            assertThat(sends(wire, 0x88B5)).isEqualTo(frame(64, 5));
        }
        assertThat(pool.available()).isEqualTo(pool.count());
        pool.close();
    }

    @Test
    public void hotplug() throws Exception {
        MachineControl machine = Platform.service(context, MachineControl.class);
        int before = cards();
        machine.plug("virtio-net", Map.of("id", "hotnic"));
        Platform.await("a card", LIMIT, () -> cards() == before + 1);
        machine.unplug("hotnic");
        Platform.await("the card gone", LIMIT, () -> cards() == before);
    }

    private int cards() {
        try {
            return context.getServiceReferences(NetworkDevice.class, null).size();
        } catch (org.osgi.framework.InvalidSyntaxException e) {
            throw new UncheckedIOException(new IOException(e));
        }
    }

    // ---- Reload

    @Test
    public void aReloadedDriverGoesOn() throws Exception {
        Reloads reloads = Platform.service(context, Reloads.class);
        ReloadReport report = reloads.reload("virtio-net", Reloads.Options.STANDARD);
        assertThat(report.outcome()).as("%s", report).isEqualTo(ReloadReport.Outcome.COMMITTED);
        assertThat(report.otherBundlesTouched()).isZero();
        System.err.println("virtio-net reload: " + report.devices());
        NetworkDevice device = card(1);
        try (UdpWire wire = wire(1)) {
            int _ = device.recv(MemorySegment.ofArray(new byte[2048]), 0);
            wire.deliver(frame(80, 6));
            receives(device, frame(80, 6));
            device.send(MemorySegment.ofArray(frame(80, 7)));
            assertThat(sends(wire, 0x88B5)).isEqualTo(frame(80, 7));
        }
    }
}
