package helix.benchmarks;

import com.sun.management.ThreadMXBean;
import helix.benchmarks.Ratios.Run;
import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.Device;
import helix.hal.api.DmaBuffer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/// `bench:virtio-blk`: the virtio block driver against libblkio, both on one qemu-storage-daemon
/// that moves no data. Both agree with it upon the same features: split rings, EVENT_IDX, and all
/// that the daemon has for block devices.
@Component(
        service = Function.class,
        property = {"osgi.command.scope=bench", "osgi.command.function=virtio-blk"})
public final class VirtioBlk implements Function {
    private static final int BLOCK = 4096;
    private static final int[] DEPTHS = {1, 32, 128};
    private static final int PAIRS = 11;
    private static final int WARM_UPS = 5;
    private static final long RUN_MILLIS = 400;
    private static final long DEVICE_MILLIS = 10_000;

    /// INDIRECT_DESC, which libblkio does not take.
    private static final String WITHOUT = "28";

    private static final String BEHIND_VIRTIO = "(" + Device.ID + "=*/virtio)";
    private static final long CAPACITY = 1L << 30;
    private static final int DAEMON_CPU = 0;
    private static final int CLIENT_CPU = 1;

    private final BundleContext context;

    /// Called by Declarative Services.
    ///
    /// @param context where the device's service is found
    @Activate
    public VirtioBlk(BundleContext context) {
        this.context = context;
    }

    @Override
    public @Nullable Object execute(CommandSession session, List<Object> arguments)
            throws Exception {
        BenchOptions options = BenchOptions.parse("virtio-blk", arguments);
        if (Backend.find("qemu-storage-daemon") == null) {
            session.getConsole().println("skipped: qemu-storage-daemon is not installed");
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
        Path client = new Peer("blkio-client", List.of("blkio")).build(work);
        try (Backend daemon = daemon(work, socket, peerSocket)) {
            daemon.await(socket);
            daemon.await(peerSocket);
            session.execute(
                    "helix:attach vhost-user:" + socket + " --type blk --without " + WITHOUT);
            try {
                compare(session, options, work, peerSocket, client);
            } finally {
                // Else the platform would miss a device that ends before it.
                session.execute("helix:detach vhost-user:" + socket);
            }
        }
    }

    private void compare(
            CommandSession session,
            BenchOptions options,
            Path work,
            Path peerSocket,
            @Nullable Path client)
            throws Exception {
        BlockDevice device =
                Services.await(context, BlockDevice.class, BEHIND_VIRTIO, DEVICE_MILLIS);
        Pinning.thisThread(CLIENT_CPU);
        try (Backend peer =
                client == null
                        ? null
                        : Backend.start(
                                work,
                                CLIENT_CPU,
                                List.of(client.toString(), peerSocket.toString()))) {
            Map<String, Object> report = report(device, peer);
            options.publish(session, report, VirtioBlk::text);
            check(options, report);
        }
    }

    private static Backend daemon(Path work, Path socket, Path peerSocket) throws IOException {
        List<String> command = new ArrayList<>(List.of("qemu-storage-daemon"));
        int number = 0;
        for (Path path : List.of(socket, peerSocket)) {
            command.add("--blockdev");
            command.add(
                    "driver=null-co,node-name=d%d,size=%d,read-zeroes=off"
                            .formatted(number, CAPACITY));
            command.add("--export");
            command.add(
                    ("type=vhost-user-blk,id=e%d,node-name=d%d,addr.type=unix,addr.path=%s,"
                                    + "writable=on,num-queues=1")
                            .formatted(number, number, path));
            number++;
        }
        return Backend.start(work, DAEMON_CPU, command);
    }

    private static Map<String, Object> report(BlockDevice device, @Nullable Backend peer)
            throws Exception {
        Map<String, Object> report = BenchOptions.environment("virtio-blk");
        report.put("features", "VERSION_1, RING_EVENT_IDX, the daemon's own for block devices");
        report.put("peer", peer == null ? "libblkio: " + Peer.MISSING : "libblkio");
        Map<String, Object> depths = new LinkedHashMap<>();
        for (int depth : DEPTHS) {
            try (BlockQueue queue = device.openQueue(QueueOptions.polled(depth));
                    DmaBuffer buffer = device.allocate((long) depth * BLOCK)) {
                Load load = new Load(queue, buffer, device, depth);
                if (peer == null) {
                    for (int i = 0; i < WARM_UPS; i++) {
                        load.run();
                    }
                    double[] rates = new double[PAIRS];
                    for (int i = 0; i < PAIRS; i++) {
                        rates[i] = load.run().rate();
                    }
                    depths.put(Integer.toString(depth), Ratios.median(rates));
                } else {
                    depths.put(
                            Integer.toString(depth),
                            Ratios.compare(WARM_UPS, PAIRS, load::run, () -> ask(peer, depth)));
                }
            }
        }
        report.put("depths", depths);
        return report;
    }

    private static Run ask(Backend peer, int depth) {
        String[] answer = peer.ask(depth + " " + RUN_MILLIS).split(" ", -1);
        if (Long.parseLong(answer[3]) > 0) {
            throw new IllegalStateException(answer[3] + " requests of the peer failed");
        }
        return new Run(
                Long.parseLong(answer[0]), Long.parseLong(answer[1]), Long.parseLong(answer[2]));
    }

    private static String text(Map<String, Object> report) {
        StringBuilder text = new StringBuilder();
        text.append("4 KiB random reads, polled; peer: ").append(report.get("peer"));
        text.append("\nDEPTH   HELIX IOPS    PEER IOPS  RATIO  95 %         CPU ns  PEER ns\n");
        @SuppressWarnings("unchecked") // made above
        Map<String, Object> depths =
                (Map<String, Object>) Objects.requireNonNull(report.get("depths"));
        depths.forEach((depth, value) -> {
            if (value instanceof Ratios.Result r) {
                text.append(
                        String.format(
                                Locale.ROOT,
                                "%5s %12.0f %12.0f  %5.2f  %4.2f..%4.2f  %7.0f  %7.0f%n",
                                depth,
                                r.ours(),
                                r.peer(),
                                r.ratio(),
                                r.low(),
                                r.high(),
                                r.cpuOurs(),
                                r.cpuPeer()));
            } else {
                text.append(String.format(Locale.ROOT, "%5s %12.0f%n", depth, (Double) value));
            }
        });
        return text.toString().stripTrailing();
    }

    /// What the ratio has to be.
    private static void check(BenchOptions options, Map<String, Object> report) {
        if (!options.check()) {
            return;
        }
        @SuppressWarnings("unchecked") // made above
        Map<String, Object> depths =
                (Map<String, Object>) Objects.requireNonNull(report.get("depths"));
        depths.forEach((depth, value) -> {
            double bound = depth.equals("1") ? 0.9 : 1.0;
            if (value instanceof Ratios.Result r && r.ratio() < bound) {
                throw new IllegalStateException(
                        String.format(
                                Locale.ROOT,
                                "depth %s: %.2f of the peer's rate, less than %.1f",
                                depth,
                                r.ratio(),
                                bound));
            }
        });
    }

    /// Random reads: what ended is submitted anew, all of a batch shown at once.
    private static final class Load implements BlockQueue.CompletionHandler {
        private static final ThreadMXBean THREADS =
                (ThreadMXBean) ManagementFactory.getThreadMXBean();
        private static final int LOOKS = 16;

        private final BlockQueue queue;
        private final DmaBuffer buffer;
        private final int depth;
        private final int blocks;
        private final long places;
        private final int[] free;
        private int freeCount;
        private long done;
        private long errors;
        private long random = 0x9E37_79B9_7F4A_7C15L;

        Load(BlockQueue queue, DmaBuffer buffer, BlockDevice device, int depth) {
            this.queue = queue;
            this.buffer = buffer;
            this.depth = depth;
            blocks = BLOCK / device.blockSize();
            places = device.totalBlocks() / blocks;
            free = new int[depth];
            for (int i = 0; i < depth; i++) {
                free[freeCount++] = i;
            }
        }

        Run run() {
            done = 0;
            long begin = System.nanoTime();
            long cpu = THREADS.getCurrentThreadCpuTime();
            long end = begin + TimeUnit.MILLISECONDS.toNanos(RUN_MILLIS);
            boolean more = true;
            for (int looks = 1; more || freeCount < depth; looks++) {
                if (more && freeCount > 0) {
                    fill();
                    queue.kick();
                }
                queue.poll(this, depth);
                if (looks % LOOKS == 0) {
                    more = System.nanoTime() - end < 0;
                }
            }
            if (errors > 0) {
                throw new IllegalStateException(errors + " requests failed");
            }
            return new Run(
                    done, System.nanoTime() - begin, THREADS.getCurrentThreadCpuTime() - cpu);
        }

        private void fill() {
            while (freeCount > 0) {
                int tag = free[freeCount - 1];
                random = random * 6364136223846793005L + 1442695040888963407L;
                long lba = (random >>> 33) % places * blocks;
                if (!queue.submit(BlockOp.READ, 0, lba, blocks, buffer, (long) tag * BLOCK, tag)) {
                    return;
                }
                freeCount--;
            }
        }

        @Override
        public void completed(int tag, int status) {
            free[freeCount++] = tag;
            done++;
            if (status != BlockStatus.OK) {
                errors++;
            }
        }
    }
}
