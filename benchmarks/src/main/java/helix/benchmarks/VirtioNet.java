package helix.benchmarks;

import com.sun.management.ThreadMXBean;
import helix.benchmarks.Ratios.Run;
import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetQueueOptions;
import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.RxQueue;
import helix.driver.api.net.TxQueue;
import helix.hal.api.Device;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/// `bench:virtio-net`: the virtio network driver against DPDK's virtio-user. Frames of 64 bytes go
/// round between client and one testpmd, which sends each back on the port it came from. Both
/// clients agree with it upon the same features: packed rings, and nothing that DPDK's client does
/// not ask for.
@Component(
        service = Function.class,
        property = {"osgi.command.scope=bench", "osgi.command.function=virtio-net"})
public final class VirtioNet implements Function {
    private static final int FRAME = 60; // 64 on a wire, with the checksum sequence
    private static final int DEPTH = 1024;
    private static final int BURST = 32;
    private static final int ON_THE_WAY = 256;
    private static final int PAIRS = 11;
    private static final int WARM_UPS = 4;
    private static final long RUN_MILLIS = 500;
    private static final long DEVICE_MILLIS = 10_000;

    /// CSUM, GUEST_CSUM, HOST_TSO4, HOST_TSO6, MRG_RXBUF, EVENT_IDX: DPDK's client takes none of
    /// them but for offloads, and MRG_RXBUF is off there, too.
    private static final String WITHOUT = "0,1,11,12,15,29";

    private static final String BEHIND_VIRTIO = "(" + Device.ID + "=*/virtio)";
    private static final int SERVER_CPU = 0;
    private static final int CLIENT_CPU = 1;

    private final BundleContext context;

    /// Called by Declarative Services.
    ///
    /// @param context where the device's service is found
    @Activate
    public VirtioNet(BundleContext context) {
        this.context = context;
    }

    @Override
    public @Nullable Object execute(CommandSession session, List<Object> arguments)
            throws Exception {
        BenchOptions options = BenchOptions.parse("virtio-net", arguments);
        if (Backend.find("dpdk-testpmd") == null) {
            session.getConsole().println("skipped: dpdk-testpmd is not installed");
            return null;
        }
        Path work = Files.createTempDirectory("helix-bench-");
        try {
            measure(session, options, work);
        } finally {
            Trees.delete(work);
        }
        return null;
    }

    private void measure(CommandSession session, BenchOptions options, Path work) throws Exception {
        Path socket = work.resolve("helix.sock");
        Path peerSocket = work.resolve("peer.sock");
        try (Backend server = Backend.start(work, SERVER_CPU, serverCommand(socket, peerSocket))) {
            server.await(socket);
            server.await(peerSocket);
            session.execute(
                    "helix:attach vhost-user:" + socket + " --type net --without " + WITHOUT);
            try {
                compare(session, options, work, peerSocket);
            } finally {
                // Else the platform would miss a device that ends before it.
                session.execute("helix:detach vhost-user:" + socket);
            }
        }
    }

    private void compare(CommandSession session, BenchOptions options, Path work, Path peerSocket)
            throws Exception {
        NetworkDevice device =
                Services.await(context, NetworkDevice.class, BEHIND_VIRTIO, DEVICE_MILLIS);
        Pinning.thisThread(CLIENT_CPU);
        try (Loop loop = new Loop(device);
                Client peer = new Client(work, peerSocket)) {
            Ratios.Result result = Ratios.compare(WARM_UPS, PAIRS, loop::run, peer::run);
            Map<String, Object> report = BenchOptions.environment("virtio-net");
            report.put("peer", "DPDK virtio-user");
            report.put("features", "INDIRECT_DESC, VERSION_1, RING_PACKED");
            report.put("frame", FRAME + 4);
            report.put("bytesAllocatedPerFrame", loop.bytesPerFrame());
            report.put("result", result);
            options.publish(session, report, VirtioNet::text);
            if (options.check() && result.ratio() < 1.0) {
                throw new IllegalStateException(
                        String.format(
                                Locale.ROOT,
                                "%.2f of the peer's rate, less than 1.0",
                                result.ratio()));
            }
        }
    }

    private static List<String> serverCommand(Path socket, Path peerSocket) {
        return List.of(
                "dpdk-testpmd",
                "--lcores",
                "0@" + SERVER_CPU + ",1@" + SERVER_CPU,
                "--no-huge",
                "-m",
                "512",
                "--single-file-segments",
                "--no-pci",
                "--file-prefix=helixserver",
                "--vdev",
                "net_vhost0,iface=" + socket + ",queues=1",
                "--vdev",
                "net_vhost1,iface=" + peerSocket + ",queues=1",
                "--",
                "--forward-mode=io",
                "--nb-cores=1",
                "--rxd=1024",
                "--txd=1024",
                "--port-topology=loop",
                "--stats-period",
                "3600",
                "--no-mlockall",
                "-a",
                "--total-num-mbufs=16384");
    }

    private static String text(Map<String, Object> report) {
        Ratios.Result r = (Ratios.Result) Objects.requireNonNull(report.get("result"));
        return String.format(
                Locale.ROOT,
                """
                frames of 64 bytes, there and back; peer: DPDK's virtio-user on the same testpmd
                both with packed rings, without offloads, mergeable buffers and EVENT_IDX
                helix %8.2f Mpps, %.0f ns of processor, %.3f bytes allocated a frame
                peer  %8.2f Mpps, %.0f ns of processor
                ratio %8.2f (95 %%: %.2f to %.2f, %d pairs)\
                """,
                r.ours() / 1e6,
                r.cpuOurs(),
                (Double) Objects.requireNonNull(report.get("bytesAllocatedPerFrame")),
                r.peer() / 1e6,
                r.cpuPeer(),
                r.ratio(),
                r.low(),
                r.high(),
                r.pairs());
    }

    /// Sends what it receives.
    private static final class Loop implements AutoCloseable {
        private static final ThreadMXBean THREADS =
                (ThreadMXBean) ManagementFactory.getThreadMXBean();

        /// An odd number of cache lines: of a power of two, all frames would lie in few of a
        /// cache's sets.
        private static final int FRAME_SIZE = 33 * 64;

        private static final int LOOKS = 64;
        private static final long QUIET_NANOS = 20_000_000;

        private final FramePool pool;
        private final RxQueue rx;
        private final TxQueue tx;
        private final Burst burst = new Burst(BURST);
        private int runs;
        private long frames;
        private long bytes;

        Loop(NetworkDevice device) {
            pool = new FramePool(device.allocate(4L * DEPTH * FRAME_SIZE), FRAME_SIZE);
            rx = device.openRx(new NetQueueOptions(0, DEPTH, false, false), pool);
            tx = device.openTx(new NetQueueOptions(0, DEPTH, false, false), pool);
        }

        double bytesPerFrame() {
            return (double) bytes / Math.max(1, frames);
        }

        Run run() {
            begin();
            long received = 0;
            long begin = System.nanoTime();
            long cpu = THREADS.getCurrentThreadCpuTime();
            long allocated = THREADS.getCurrentThreadAllocatedBytes();
            long end = begin + TimeUnit.MILLISECONDS.toNanos(RUN_MILLIS);
            int looks = 0;
            do {
                received += rx.receive(burst);
                if (burst.size() > 0) {
                    tx.send(burst);
                }
            } while (++looks % LOOKS != 0 || System.nanoTime() - end < 0);
            allocated = THREADS.getCurrentThreadAllocatedBytes() - allocated;
            // What is not compiled yet allocates.
            if (++runs > WARM_UPS) {
                bytes += allocated;
                frames += received;
            }
            Run run =
                    new Run(
                            received,
                            System.nanoTime() - begin,
                            THREADS.getCurrentThreadCpuTime() - cpu);
            drain();
            return run;
        }

        private void begin() {
            int sent = 0;
            while (sent < ON_THE_WAY) {
                burst.clear();
                while (burst.room() > 0) {
                    int frame = pool.take();
                    fill(frame);
                    burst.add(frame, FRAME, 0);
                }
                sent += burst.size();
                while (burst.size() > 0) {
                    tx.send(burst);
                }
            }
        }

        private void fill(int frame) {
            long at = pool.at(frame);
            for (int i = 0; i < FRAME; i++) {
                pool.segment().set(ValueLayout.JAVA_BYTE, at + i, (byte) (i < 12 ? 0xFF : i));
            }
        }

        /// Takes in what is on the way.
        private void drain() {
            giveBack();
            long last = System.nanoTime();
            while (System.nanoTime() - last < QUIET_NANOS) {
                if (rx.receive(burst) > 0) {
                    last = System.nanoTime();
                    giveBack();
                }
                tx.reclaim();
            }
        }

        private void giveBack() {
            for (int i = 0; i < burst.size(); i++) {
                pool.give(burst.frame(i));
            }
            burst.clear();
        }

        @Override
        public void close() {
            tx.close();
            rx.close();
            pool.close();
        }
    }

    /// DPDK's own client: another testpmd, told to start and stop.
    private static final class Client implements AutoCloseable {
        private static final String PROMPT = "testpmd> ";
        private static final long ANSWER_NANOS = TimeUnit.SECONDS.toNanos(10);
        private static final long LOOK_NANOS = 1_000_000;

        private final Backend testpmd;

        Client(Path work, Path socket) throws IOException {
            testpmd =
                    Backend.start(
                            work,
                            CLIENT_CPU,
                            List.of(
                                    // Into a pipe it would keep back what it says.
                                    "stdbuf",
                                    "-oL",
                                    "dpdk-testpmd",
                                    "--lcores",
                                    "0@" + CLIENT_CPU + ",1@" + CLIENT_CPU,
                                    "--no-huge",
                                    "-m",
                                    "512",
                                    "--single-file-segments",
                                    "--no-pci",
                                    "--file-prefix=helixclient",
                                    "--vdev",
                                    "net_virtio_user0,path="
                                            + socket
                                            + ",queues=1,queue_size=1024,packed_vq=1,in_order=0,"
                                            + "mrg_rxbuf=0",
                                    "--",
                                    "-i",
                                    "--forward-mode=io",
                                    "--nb-cores=1",
                                    "--rxd=1024",
                                    "--txd=1024",
                                    "--port-topology=loop",
                                    "--no-mlockall",
                                    "--total-num-mbufs=16384"));
            answer();
        }

        Run run() throws IOException {
            say("start tx_first " + ON_THE_WAY / BURST);
            say("clear port stats 0");
            long begin = System.nanoTime();
            long cpu = testpmd.cpuNanos();
            long end = begin + TimeUnit.MILLISECONDS.toNanos(RUN_MILLIS);
            while (System.nanoTime() - end < 0) {
                LockSupport.parkNanos(end - System.nanoTime());
            }
            String statistics = say("show port stats 0");
            long nanos = System.nanoTime() - begin;
            cpu = testpmd.cpuNanos() - cpu;
            say("stop");
            return new Run(received(statistics), nanos, cpu);
        }

        private static long received(String statistics) {
            int at = statistics.indexOf("RX-packets:");
            if (at < 0) {
                throw new IllegalStateException("testpmd says no RX-packets: " + statistics);
            }
            return Long.parseLong(
                    statistics.substring(at + "RX-packets:".length()).strip().split("\\s+", 2)[0]);
        }

        private String say(String command) throws IOException {
            testpmd.say(command);
            return answer();
        }

        /// Reads to the next prompt, which no line end follows.
        private String answer() throws IOException {
            StringBuilder text = new StringBuilder();
            long begin = System.nanoTime();
            while (text.indexOf(PROMPT) < 0) {
                if (testpmd.output().ready()) {
                    text.append((char) testpmd.output().read());
                } else if (System.nanoTime() - begin > ANSWER_NANOS) {
                    throw new IllegalStateException("testpmd does not answer: " + text);
                } else {
                    LockSupport.parkNanos(LOOK_NANOS);
                }
            }
            return text.toString();
        }

        @Override
        public void close() {
            testpmd.close();
        }
    }
}
