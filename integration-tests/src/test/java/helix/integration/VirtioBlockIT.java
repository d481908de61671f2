package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.block.api.Disk;
import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import helix.driver.kit.BlockDeviceKit;
import helix.hal.api.Device;
import helix.hal.api.DmaBuffer;
import helix.hal.api.machine.MachineControl;
import helix.modules.api.Request;
import helix.modules.api.binder.Binder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import javax.inject.Inject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;

/// The driver of virtio block devices on QEMU's, in all its shapes: the contract, and the cases of
/// QEMU's own tests of virtio-blk by their names.
@RunWith(PaxExamOnQemu.class)
@ExamReactorStrategy(PerClass.class)
public class VirtioBlockIT {
    private static final Duration LIMIT = Duration.ofSeconds(15);
    private static final int MEBIBYTES = 16;
    private static final int ROUNDS = 300;
    private static final long INDIRECT = 1L << 28;
    private static final long EVENT_INDEX = 1L << 29;
    private static final long PLATFORM = 1L << 33;
    private static final long PACKED = 1L << 34;

    /// Serial numbers, and what QEMU is told of these devices.
    private static final List<Map.Entry<String, String>> SHAPES =
            List.of(
                    Map.entry("vsplit", "packed=off"),
                    Map.entry("vpacked", "packed=on,num-queues=2"),
                    Map.entry("vlarge", "queue-size=1024"),
                    Map.entry("vbare", "event_idx=off,indirect_desc=off"),
                    Map.entry("viommu", "iommu_platform=on"),
                    Map.entry("vmany", "num-queues=4,vectors=3"),
                    Map.entry("vline", "vectors=0"),
                    Map.entry("vconfig", "num-queues=2"),
                    Map.entry(
                            "vresize",
                            "num-queues=1,logical_block_size=4096,physical_block_size=4096"));

    @Inject private BundleContext context;

    @Configuration
    public Option[] platform() {
        List<String> arguments = new ArrayList<>();
        int address = 0x10;
        for (var shape : SHAPES) {
            String id = "d" + shape.getKey();
            arguments.addAll(drive(id));
            arguments.add("-device");
            arguments.add(
                    "virtio-blk-pci,drive=%s,serial=%s,disable-legacy=on,ioeventfd=off,addr=%x,%s"
                            .formatted(id, shape.getKey(), address++, shape.getValue()));
        }
        arguments.addAll(drive("dhot"));
        arguments.addAll(List.of("-qmp", Qmp.argument(socket())));
        return Platform.onQemu(arguments, "mem:64M");
    }

    private static List<String> drive(String id) {
        return List.of(
                "-drive",
                "id=%s,format=raw,if=none,file=%s".formatted(id, Platform.scratchFile(MEBIBYTES)));
    }

    /// Known to the test within the framework and to the configuration outside of it: both are in
    /// one process.
    private static Path socket() {
        Path path =
                Path.of(
                        System.getProperty("java.io.tmpdir"),
                        "helix-it-qmp-" + ProcessHandle.current().pid());
        return path;
    }

    private ServiceReference<BlockDevice> reference(String serial) throws Exception {
        String filter = "(block.identity=virtio-blk/" + serial + "/1)";
        BlockDevice _ = Platform.service(context, BlockDevice.class, filter);
        return context.getServiceReferences(BlockDevice.class, filter).iterator().next();
    }

    private BlockDevice device(String serial) throws Exception {
        return context.getService(reference(serial));
    }

    private Map<?, ?> info(String serial) throws Exception {
        Binder binder = Platform.service(context, Binder.class);
        String id = (String) reference(serial).getProperty(Device.ID);
        return (Map<?, ?>) binder.request(id, new Request("info", Map.of()));
    }

    private long features(String serial) throws Exception {
        return Long.decode((String) info(serial).get("features"));
    }

    private void passesTheKit(String serial) throws Exception {
        BlockDevice device = device(serial);
        BlockDeviceKit.of(() -> device)
                .withRounds(ROUNDS)
                .runAll(line -> System.out.println(serial + ": " + line))
                .assertPassed();
    }

    @Test
    public void aSplitQueuePassesTheKit() throws Exception {
        assertThat(features("vsplit") & PACKED).isZero();
        passesTheKit("vsplit");
    }

    @Test
    public void packedQueuesPassTheKit() throws Exception {
        assertThat(features("vpacked") & PACKED).isNotZero();
        passesTheKit("vpacked");
    }

    @Test
    public void aLargeQueuePassesTheKit() throws Exception {
        assertThat(info("vlarge").get("entries")).isEqualTo(1024L);
        passesTheKit("vlarge");
    }

    @Test
    public void aQueueWithoutTablesAndEventIndexPassesTheKit() throws Exception {
        assertThat(features("vbare") & (INDIRECT | EVENT_INDEX)).isZero();
        passesTheKit("vbare");
    }

    @Test
    public void aDeviceBehindAnIommuPassesTheKit() throws Exception {
        assertThat(features("viommu") & PLATFORM).isNotZero();
        passesTheKit("viommu");
    }

    @Test
    public void fourQueuesWithThreeVectorsPassTheKit() throws Exception {
        assertThat(info("vmany").get("queues")).isEqualTo(4L);
        assertThat(info("vmany").get("vectors")).isEqualTo(3L);
        passesTheKit("vmany");
    }

    @Test
    public void aDeviceOnTheLinePassesTheKit() throws Exception {
        assertThat(info("vline").get("interrupts")).isEqualTo("INTX");
        passesTheKit("vline");
    }

    @Test
    public void aDiskPassesTheKit() throws Exception {
        Disk disk = Platform.service(context, Disk.class, "(disk.name=vblk0)");
        try (Disk.Access access = disk.open(Disk.OpenMode.WRITE_EXCLUSIVE, "test")) {
            BlockDeviceKit.of(() -> access)
                    .withRounds(ROUNDS)
                    .runAll(System.out::println)
                    .assertPassed();
        }
    }

    // ---- QEMU's tests/qtest/virtio-blk-test.c, by name

    @Test
    public void basic() throws Exception {
        BlockDevice device = device("vbare");
        writeAndReadBack(device, QueueOptions.polled(4));
        try (BlockQueue queue = device.openQueue(QueueOptions.polled(4))) {
            ends(queue, BlockOp.WRITE_ZEROES, 0, 1, null);
            byte[] back = new byte[512];
            device.readBlock(0, MemorySegment.ofArray(back));
            assertThat(back).isEqualTo(new byte[512]);
            ends(queue, BlockOp.DISCARD, 0, 1, null);
        }
    }

    @Test
    public void indirect() throws Exception {
        BlockDevice device = device("vsplit");
        assertThat(features("vsplit") & INDIRECT).isNotZero();
        try (BlockQueue queue = device.openQueue(QueueOptions.polled(4));
                DmaBuffer buffer = device.allocate(4096)) {
            buffer.segment().asSlice(0, 512).fill((byte) 'T');
            buffer.segment().asSlice(2048, 512).fill((byte) 'E');
            ScatterList pieces = new ScatterList(2).add(buffer, 0, 512).add(buffer, 2048, 512);
            assertThat(queue.submit(BlockOp.WRITE, 0, 0, 2, pieces, 1)).isTrue();
            awaitOk(queue);
            pieces.clear().add(buffer, 3584, 512).add(buffer, 1024, 512);
            assertThat(queue.submit(BlockOp.READ, 0, 0, 2, pieces, 1)).isTrue();
            awaitOk(queue);
            assertThat(buffer.segment().asSlice(3584, 512).mismatch(filled('T'))).isEqualTo(-1);
            assertThat(buffer.segment().asSlice(1024, 512).mismatch(filled('E'))).isEqualTo(-1);
        }
    }

    @Test
    public void config() throws Exception {
        BlockDevice device = device("vconfig");
        assertThat(device.totalBlocks()).isEqualTo((MEBIBYTES << 20) / 512);
        resize("dvconfig", MEBIBYTES / 2);
        follows(device, MEBIBYTES / 2);
    }

    @Test
    public void resize() throws Exception {
        BlockDevice device = device("vresize");
        assertThat(device.blockSize()).isEqualTo(4096);
        writeAndReadBack(device, QueueOptions.interrupt(4));
        resize("dvresize", MEBIBYTES / 2);
        follows(device, MEBIBYTES / 2);
        byte[] block = new byte[4096];
        long beyond = device.totalBlocks();
        assertThatThrownBy(() -> device.readBlock(beyond, MemorySegment.ofArray(block)))
                .isInstanceOfSatisfying(
                        BlockException.class,
                        e -> assertThat(e.status()).isEqualTo(BlockStatus.OUT_OF_RANGE));
        resize("dvresize", 2 * MEBIBYTES);
        follows(device, 2 * MEBIBYTES);
        device.readBlock(beyond, MemorySegment.ofArray(block));
    }

    @Test
    public void msix() throws Exception {
        assertThat(info("vmany").get("interrupts")).isEqualTo("MSIX");
        BlockDevice device = device("vmany");
        resize("dvmany", MEBIBYTES - 1);
        follows(device, MEBIBYTES - 1);
        writeAndReadBack(device, QueueOptions.interrupt(4));
    }

    @Test
    public void idx() throws Exception {
        assertThat(features("vpacked") & EVENT_INDEX).isNotZero();
        assertThat(features("vsplit") & EVENT_INDEX).isNotZero();
        writeAndReadBack(device("vpacked"), QueueOptions.interrupt(4));
        writeAndReadBack(device("vsplit"), QueueOptions.interrupt(4));
    }

    @Test
    public void nxvirtq() throws Exception {
        BlockDevice device = device("vmany");
        List<BlockQueue> all = new ArrayList<>();
        try {
            for (int i = 0; i < 3; i++) {
                all.add(device.openQueue(QueueOptions.polled(2)));
            }
            assertThatThrownBy(() -> device.openQueue(QueueOptions.polled(2)))
                    .isInstanceOf(BlockException.class)
                    .hasMessageContaining("all 3 queues");
        } finally {
            all.forEach(BlockQueue::close);
        }
        writeAndReadBack(device, QueueOptions.polled(4));
    }

    /// The slots are looked at when the platform itself plugs something.
    @Test
    public void hotplug() throws Exception {
        MachineControl machine = Platform.service(context, MachineControl.class);
        try (Qmp qmp = Qmp.connect(socket())) {
            qmp.execute(
                    "device_add",
                    "{\"driver\": \"virtio-blk-pci\", \"id\": \"vhot\", \"bus\": \"hp3\","
                            + " \"drive\": \"dhot\", \"serial\": \"vhot\"}");
            String other = machine.plug("nvme", Map.of("size", "16M"));
            BlockDevice device = device("vhot");
            writeAndReadBack(device, QueueOptions.interrupt(4));
            try (BlockQueue queue = device.openQueue(QueueOptions.polled(4))) {
                qmp.execute("device_del", "{\"id\": \"vhot\"}");
                machine.unplug(other);
                Platform.await("the queue's end", LIMIT, () -> !queue.isOpen());
            }
            Platform.await(
                    "the device's end",
                    LIMIT,
                    () ->
                            context.getServiceReference("helix.driver.api.block.BlockDevice")
                                            == null
                                    || absent("vhot"));
        }
    }

    private boolean absent(String serial) {
        try {
            return context.getServiceReferences(
                            BlockDevice.class, "(block.identity=virtio-blk/" + serial + "/1)")
                    .isEmpty();
        } catch (org.osgi.framework.InvalidSyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static MemorySegment filled(char with) {
        byte[] bytes = new byte[512];
        java.util.Arrays.fill(bytes, (byte) with);
        return MemorySegment.ofArray(bytes);
    }

    private static void resize(String drive, int mebibytes) throws Exception {
        try (Qmp qmp = Qmp.connect(socket())) {
            qmp.execute(
                    "block_resize",
                    "{\"device\": \"%s\", \"size\": %d}".formatted(drive, (long) mebibytes << 20));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void follows(BlockDevice device, int mebibytes) throws InterruptedException {
        long blocks = ((long) mebibytes << 20) / device.blockSize();
        Platform.await("the capacity", LIMIT, () -> device.totalBlocks() == blocks);
    }

    private static void writeAndReadBack(BlockDevice device, QueueOptions options) {
        int size = device.blockSize();
        try (BlockQueue queue = device.openQueue(options);
                DmaBuffer buffer = device.allocate(2L * size)) {
            byte[] text = "TEST".getBytes(StandardCharsets.US_ASCII);
            MemorySegment.copy(MemorySegment.ofArray(text), 0, buffer.segment(), 0, text.length);
            for (int i = 0; i < 2; i++) {
                ends(queue, BlockOp.WRITE, i, 1, buffer);
            }
            buffer.segment().fill((byte) 0);
            ends(queue, BlockOp.READ, 1, 1, buffer);
            assertThat(buffer.segment().asSlice(0, 4).mismatch(MemorySegment.ofArray(text)))
                    .isEqualTo(-1);
        }
    }

    private static void ends(BlockQueue queue, int op, long lba, int blocks, DmaBuffer buffer) {
        assertThat(queue.submit(op, 0, lba, blocks, buffer, 0, 1)).isTrue();
        awaitOk(queue);
    }

    private static void awaitOk(BlockQueue queue) {
        AtomicInteger seen = new AtomicInteger(-1);
        long end = System.nanoTime() + LIMIT.toNanos();
        while (seen.get() < 0 && System.nanoTime() - end < 0) {
            boolean _ = queue.await(100_000_000);
            int _ = queue.poll((tag, status) -> seen.set(status), 1);
        }
        assertThat(seen.get()).isEqualTo(BlockStatus.OK);
    }
}
