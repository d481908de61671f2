package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.api.Disk;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import helix.hal.api.machine.MachineControl;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import javax.inject.Inject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.BundleContext;

/// A drive is plugged, written, unplugged under load, and plugged again.
@RunWith(PaxExamOnQemu.class)
@ExamReactorStrategy(PerClass.class)
public class HotplugIT {
    private static final Duration LIMIT = Duration.ofSeconds(15);
    private static final int DEPTH = 16;

    @Inject private BundleContext context;

    @Configuration
    public Option[] platform() {
        return Platform.onQemu("mem:64M");
    }

    @Test
    public void aDriveUnpluggedUnderLoadEndsItsRequestsAndComesBackUnderItsName() throws Exception {
        MachineControl machine =
                Platform.service(context, MachineControl.class, "(helix.machine=qemu)");
        Platform.service(context, Disk.class, "(disk.name=nvme0n1)");
        machine.plug("nvme", Map.of("id", "hot", "serial", "hotserial", "size", "32M"));
        Disk disk = hot();
        String name = disk.name();
        Platform.await("present", LIMIT, () -> disk.state() == Disk.State.PRESENT);
        int threads = Thread.activeCount();

        CompletableFuture<Load> load = new CompletableFuture<>();
        Thread loader = Thread.ofPlatform().start(() -> load.complete(Load.until(disk)));
        machine.unplug("hot");
        Platform.await("absent", LIMIT, () -> disk.state() == Disk.State.ABSENT);
        long absent = System.nanoTime();
        Load seen = load.get(5, TimeUnit.SECONDS);
        assertThat(seen.done).as("requests that were served first").isPositive();
        assertThat(seen.accepted).as("every request ended once").isEqualTo(seen.done + seen.failed);
        assertThat(Duration.ofNanos(seen.endedAt - absent)).isLessThan(Duration.ofSeconds(1));
        loader.join(1000);
        assertThat(Thread.activeCount()).isLessThanOrEqualTo(threads);

        machine.plug("nvme", Map.of("id", "hot2", "serial", "hotserial", "size", "32M"));
        Platform.await("present again", LIMIT, () -> disk.state() == Disk.State.PRESENT);
        assertThat(hot().name()).isEqualTo(name);
        machine.unplug("hot2");
        Platform.await("absent again", LIMIT, () -> disk.state() == Disk.State.ABSENT);
    }

    private Disk hot() throws Exception {
        Disk[] found = new Disk[1];
        Platform.await(
                "the plugged disk",
                LIMIT,
                () -> {
                    try {
                        for (var ref : context.getServiceReferences(Disk.class, null)) {
                            Disk disk = context.getService(ref);
                            if (disk != null && disk.identity().serial().equals("hotserial")) {
                                found[0] = disk;
                                return true;
                            }
                        }
                        return false;
                    } catch (org.osgi.framework.InvalidSyntaxException e) {
                        throw new AssertionError(e);
                    }
                });
        return found[0];
    }

    /// Writes at full depth until the disk is gone.
    private static final class Load {
        long accepted;
        long done;
        long failed;
        long endedAt;

        static Load until(Disk disk) {
            Load load = new Load();
            try (Disk.Access access = disk.open(Disk.OpenMode.WRITE_EXCLUSIVE, "load");
                    BlockQueue queue = access.openQueue(QueueOptions.polled(DEPTH));
                    DmaBuffer buffer = access.allocate(4096)) {
                int blocks = 4096 / access.blockSize();
                long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
                while (System.nanoTime() - end < 0) {
                    while (queue.isOpen()
                            && load.failed == 0
                            && queue.submit(BlockOp.WRITE, 0, 0, blocks, buffer, 0, 0)) {
                        load.accepted++;
                    }
                    if (queue.isOpen()) {
                        queue.kick();
                    }
                    queue.poll(load::ended, DEPTH);
                    if (queue.inFlight() == 0 && (!queue.isOpen() || load.failed > 0)) {
                        break;
                    }
                }
            }
            load.endedAt = System.nanoTime();
            return load;
        }

        private void ended(int tag, int status) {
            if (status == BlockStatus.OK) {
                done++;
            } else {
                failed++;
            }
        }
    }
}
