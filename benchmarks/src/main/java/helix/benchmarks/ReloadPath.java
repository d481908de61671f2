package helix.benchmarks;

import com.google.gson.Gson;
import helix.block.api.Disk;
import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.Device;
import helix.hal.api.DmaBuffer;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceRegistration;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.util.tracker.ServiceTracker;

/// `bench:reload-path`: what a [Disk] adds to each request over the queue of the device behind it.
@Component(
        service = Function.class,
        property = {"osgi.command.scope=bench", "osgi.command.function=reload-path"})
public final class ReloadPath implements Function {
    private static final int DEPTH = 32;
    private static final int BLOCKS = 8; // 4 KiB
    private static final int WARM_UPS = 6;
    private static final int PAIRS = 11;
    private static final long RUN_NANOS = 250_000_000;
    private static final long BATCHES_PER_LOOK = 256;
    private static final long DISK_LIMIT_MILLIS = 5000;
    private static final double BOUND_NANOS = 100;
    private static final String NAME = "null0n1";

    private final BundleContext context;

    /// What is printed as JSON, in nanoseconds for one request.
    ///
    /// @param benchmark its name
    /// @param depth requests in flight
    /// @param pairs how often both were measured
    /// @param raw on the device's queue
    /// @param disk on the disk's queue
    /// @param added the difference in each pair
    /// @param bound what the median of the difference must not exceed
    private record Report(
            String benchmark,
            int depth,
            int pairs,
            Pairs.Spread raw,
            Pairs.Spread disk,
            Pairs.Spread added,
            double bound) {}

    /// Called by Declarative Services.
    ///
    /// @param context where the device is registered
    @Activate
    public ReloadPath(BundleContext context) {
        this.context = context;
    }

    @Override
    public @Nullable Object execute(CommandSession session, List<Object> arguments)
            throws Exception {
        boolean json = false;
        boolean check = false;
        for (Object argument : arguments) {
            switch (String.valueOf(argument)) {
                case "--json" -> json = true;
                case "--check" -> check = true;
                default ->
                        throw new IllegalArgumentException(
                                "bench:reload-path: unknown option "
                                        + argument
                                        + " (there are --json and --check)");
            }
        }
        Report report = measure();
        session.getConsole().println(json ? new Gson().toJson(report) : text(report));
        if (check && report.added.median() > BOUND_NANOS) {
            throw new IllegalStateException(
                    String.format(
                            Locale.ROOT,
                            "a disk adds %.1f ns to a request, more than %.0f",
                            report.added.median(),
                            BOUND_NANOS));
        }
        return null;
    }

    private Report measure() throws InterruptedException {
        try (NullBlockDevice device = new NullBlockDevice()) {
            ServiceRegistration<BlockDevice> registration =
                    context.registerService(
                            BlockDevice.class,
                            device,
                            FrameworkUtil.asDictionary(
                                    Map.of(
                                            BlockDevice.NAME,
                                            NAME,
                                            BlockDevice.IDENTITY,
                                            device.identity().key(),
                                            Device.ID,
                                            "null")));
            try (Disk.Access access = disk().open(Disk.OpenMode.WRITE_EXCLUSIVE, "bench")) {
                return measure(device, access);
            } finally {
                registration.unregister();
            }
        }
    }

    private static Report measure(BlockDevice device, BlockDevice disk) {
        QueueOptions options = QueueOptions.polled(DEPTH);
        try (BlockQueue raw = device.openQueue(options);
                BlockQueue through = disk.openQueue(options);
                DmaBuffer buffer = disk.allocate((long) BLOCKS * device.blockSize())) {
            Load onRaw = new Load(raw, buffer);
            Load onDisk = new Load(through, buffer);
            Pairs.Result result = Pairs.compare(WARM_UPS, PAIRS, onRaw::run, onDisk::run);
            return new Report(
                    "reload-path",
                    DEPTH,
                    result.pairs(),
                    result.base(),
                    result.with(),
                    result.added(),
                    BOUND_NANOS);
        }
    }

    private Disk disk() throws InterruptedException {
        ServiceTracker<Disk, Disk> tracker;
        try {
            tracker =
                    new ServiceTracker<>(
                            context,
                            FrameworkUtil.createFilter(
                                    "(&(objectClass=%s)(%s=%s))"
                                            .formatted(Disk.class.getName(), Disk.NAME, NAME)),
                            null);
        } catch (InvalidSyntaxException e) {
            throw new IllegalStateException(e); // of constants
        }
        tracker.open();
        try {
            Disk disk = tracker.waitForService(DISK_LIMIT_MILLIS);
            if (disk == null) {
                throw new IllegalStateException("no disk " + NAME + " came: is helix.block here?");
            }
            return disk;
        } finally {
            tracker.close();
        }
    }

    /// Reads in batches: submits until the queue is full, kicks, polls.
    private static final class Load {
        private final BlockQueue queue;
        private final DmaBuffer buffer;
        private long done;
        private long errors;
        private long lba;

        Load(BlockQueue queue, DmaBuffer buffer) {
            this.queue = queue;
            this.buffer = buffer;
        }

        /// @return nanoseconds for one request
        double run() {
            done = 0;
            long begin = System.nanoTime();
            long now;
            do {
                for (int i = 0; i < BATCHES_PER_LOOK; i++) {
                    batch();
                }
                now = System.nanoTime();
            } while (now - begin < RUN_NANOS);
            if (errors > 0) {
                throw new IllegalStateException(errors + " requests failed");
            }
            return (double) (now - begin) / done;
        }

        private void batch() {
            for (int tag = 0; tag < DEPTH; tag++) {
                lba = (lba + BLOCKS) & 0xFFFFFF;
                if (!queue.submit(BlockOp.READ, 0, lba, BLOCKS, buffer, 0, tag)) {
                    break;
                }
            }
            queue.kick();
            while (queue.inFlight() > 0) {
                queue.poll(this::completed, DEPTH);
            }
        }

        private void completed(int tag, int status) {
            done++;
            if (status != BlockStatus.OK) {
                errors++;
            }
        }
    }

    private static String text(Report r) {
        return String.format(
                Locale.ROOT,
                """
                ns for one request, depth %d, %d pairs, statistics on
                           MEDIAN      MIN      MAX
                raw      %8.1f %8.1f %8.1f
                disk     %8.1f %8.1f %8.1f
                added    %8.1f %8.1f %8.1f\
                """,
                r.depth,
                r.pairs,
                r.raw.median(),
                r.raw.min(),
                r.raw.max(),
                r.disk.median(),
                r.disk.min(),
                r.disk.max(),
                r.added.median(),
                r.added.min(),
                r.added.max());
    }
}
