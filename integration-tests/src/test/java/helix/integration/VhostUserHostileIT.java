package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.api.Disk;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DmaBuffer;
import helix.hal.api.machine.MachineControl;
import helix.modules.api.binder.Binder;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import javax.inject.Inject;
import org.jspecify.annotations.Nullable;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;

/// A back-end that breaks the rules at random: whatever it does, requests end, once each, nothing
/// but their buffers is written, nobody gets an exception that is not a device's error, and the
/// platform goes on.
@RunWith(PaxExamOnQemu.class)
@ExamReactorStrategy(PerClass.class)
public class VhostUserHostileIT {
    private static final boolean FULL = Boolean.getBoolean("helix.full");
    private static final long MUTATIONS = FULL ? 120_000 : 3_000;
    private static final Duration LIMIT = Duration.ofSeconds(FULL ? 300 : 60);
    private static final Duration RETURN_LIMIT = Duration.ofSeconds(30);
    private static final int CONFIGURATIONS = FULL ? 100 : 10;
    private static final int FATAL_ONE_IN = FULL ? 2000 : 250;
    private static final int DEPTH = 16;
    private static final int BLOCK = 512;

    /// Before and after what a request may touch.
    private static final int GUARD = 4096;

    private static final byte CANARY = 0x5C;
    private static final int MOST_BLOCKS = 64;

    @Inject private BundleContext context;

    private long accepted;
    private long ended;
    private long refused;

    @Configuration
    public Option[] platform() {
        return Platform.onQemu("mem:16M");
    }

    @Test
    public void aHostileDiskHarmsNobody() throws Exception {
        long seed = Long.getLong("helix.seed", System.nanoTime());
        Path socket = Files.createTempDirectory("helix-it").resolve("s");
        try (HostileDisk backend = new HostileDisk(socket, seed, FATAL_ONE_IN)) {
            backend.start();
            MachineControl control = control();
            String id = control.plug("blk", Map.of("path", socket.toString(), "id", "hostile"));
            try {
                run(backend, seed);
                System.out.printf(
                        "VhostUserHostileIT: seed %d: %s, %d accepted, %d refused%n",
                        seed, backend, accepted, refused);
                assertThat(backend.failure()).as("seed %d", seed).isNull();
                assertThat(ended).as("seed %d", seed).isEqualTo(accepted);
                backend.tame();
                Platform.await("the disk works again", RETURN_LIMIT, () -> revive() && works());
            } finally {
                control.unplug(id);
            }
        }
        Disk other = Platform.service(context, Disk.class, "(disk.name=nvme0n1)");
        assertThat(roundTrip(other)).isTrue();
    }

    /// Its configuration is another one at each connection: another device each time, or one whose
    /// driver says what is wrong with it. None of them stays, and none harms the others.
    @Test
    public void aConfigurationThatNeverRestsHarmsNobody() throws Exception {
        long seed = Long.getLong("helix.seed", System.nanoTime());
        Path socket = Files.createTempDirectory("helix-it").resolve("s");
        try (HostileDisk backend = new HostileDisk(socket, seed, 20).fickle()) {
            backend.start();
            String id = control().plug("blk", Map.of("path", socket.toString(), "id", "fickle"));
            long end = System.nanoTime() + LIMIT.toNanos();
            try {
                for (int i = 0; i < CONFIGURATIONS; i++) {
                    assertThat(System.nanoTime())
                            .as("seed %d, %s, %s", seed, i, modules())
                            .isLessThan(end);
                    long said = backend.connections();
                    Platform.await("somebody asks", RETURN_LIMIT, () -> settledAndUsed());
                    backend.hangUp();
                    Platform.await(
                            "it is called again",
                            RETURN_LIMIT,
                            () -> revive() && backend.connections() > said);
                }
                assertThat(backend.failure()).as("seed %d", seed).isNull();
                backend.tame();
                backend.hangUp();
                Platform.await("the disk works", RETURN_LIMIT, () -> revive() && works());
            } finally {
                control().unplug(id);
            }
        }
        Disk other = Platform.service(context, Disk.class, "(disk.name=nvme0n1)");
        assertThat(roundTrip(other)).isTrue();
    }

    /// Uses the disk if there is one.
    ///
    /// @return true once its driver is up or has given up
    private boolean settledAndUsed() {
        Binder binder = context.getService(context.getServiceReference(Binder.class));
        if (!binder.awaitSettled(Deadline.after(RETURN_LIMIT)).isEmpty()) {
            return false;
        }
        boolean _ = revive();
        boolean _ = works();
        return true;
    }

    private MachineControl control() throws Exception {
        for (var reference : context.getServiceReferences(MachineControl.class, null)) {
            MachineControl control = context.getService(reference);
            if (control.machine().equals("vhostuser")) {
                return control;
            }
        }
        throw new AssertionError("no vhostuser");
    }

    private void run(HostileDisk backend, long seed) throws Exception {
        long end = System.nanoTime() + LIMIT.toNanos();
        Random random = new Random(seed);
        Platform.await("the disk is there", RETURN_LIMIT, () -> hostile() != null);
        Disk disk = Objects.requireNonNull(hostile());
        while (backend.mutations() < MUTATIONS) {
            assertThat(System.nanoTime()).as("seed %d, %s", seed, backend).isLessThan(end);
            boolean _ = revive();
            try (Disk.Access access = disk.open(Disk.OpenMode.WRITE_EXCLUSIVE, "hostile")) {
                load(access, backend, random, end);
            } catch (BlockException e) {
                refused++; // a device's error in so many words
            }
        }
    }

    /// @return true
    private boolean revive() {
        Modules.look(context);
        return true;
    }

    /// The disk behind the back-end: on the segment that the computer does not have.
    private @Nullable Disk hostile() {
        try {
            for (var reference : context.getServiceReferences(Disk.class, null)) {
                Disk disk = context.getService(reference);
                if (disk.backing().filter(b -> b.device().startsWith("0001:")).isPresent()) {
                    return disk;
                }
            }
            return null;
        } catch (InvalidSyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private String modules() {
        var reference = context.getServiceReference(Binder.class);
        Binder binder = context.getService(reference);
        return binder.modules() + " " + binder.health();
    }

    private void load(Disk.Access access, HostileDisk backend, Random random, long end) {
        BlockQueue queue = access.openQueue(QueueOptions.interrupt(DEPTH));
        DmaBuffer[] buffers = new DmaBuffer[DEPTH];
        int[] blocks = new int[DEPTH];
        boolean[] busy = new boolean[DEPTH];
        for (int i = 0; i < DEPTH; i++) {
            buffers[i] = access.allocate(2L * GUARD + MOST_BLOCKS * BLOCK);
            buffers[i].segment().fill(CANARY);
        }
        long looked = System.nanoTime();
        boolean stopping = false;
        try {
            while (!stopping || queue.inFlight() > 0) {
                stopping |= backend.mutations() >= MUTATIONS || !queue.isOpen();
                assertThat(System.nanoTime())
                        .as("%s, %d in flight, %s", backend, queue.inFlight(), modules())
                        .isLessThan(end);
                for (int tag = 0; tag < DEPTH && !stopping; tag++) {
                    if (!busy[tag]) {
                        blocks[tag] = 1 + random.nextInt(MOST_BLOCKS);
                        busy[tag] = submit(queue, random, blocks[tag], buffers[tag], tag);
                    }
                }
                queue.kick();
                int _ =
                        queue.poll(
                                (tag, status) -> {
                                    assertThat(busy[tag]).as("request %d ends", tag).isTrue();
                                    busy[tag] = false;
                                    ended++;
                                    intact(buffers[tag].segment(), blocks[tag]);
                                },
                                DEPTH);
                boolean _ = queue.await(1_000_000);
                if (System.nanoTime() - looked > 200_000_000) {
                    looked = System.nanoTime();
                    boolean _ = revive();
                }
            }
        } finally {
            queue.close();
            for (DmaBuffer buffer : buffers) {
                buffer.close();
            }
        }
    }

    private boolean submit(BlockQueue queue, Random random, int blocks, DmaBuffer to, int tag) {
        int op = random.nextBoolean() ? BlockOp.READ : BlockOp.WRITE;
        long lba = random.nextInt(HostileDisk.SECTORS - blocks);
        boolean taken = queue.submit(op, 0, lba, blocks, to, GUARD, tag);
        accepted += taken ? 1 : 0;
        return taken;
    }

    private static void intact(MemorySegment buffer, int blocks) {
        long after = GUARD + (long) blocks * BLOCK;
        requireCanaries(buffer, 0, GUARD);
        requireCanaries(buffer, after, GUARD);
        // What an earlier request left behind the guard is not looked at.
        buffer.asSlice(after, buffer.byteSize() - after).fill(CANARY);
        buffer.asSlice(GUARD, (long) blocks * BLOCK).fill(CANARY);
    }

    private static void requireCanaries(MemorySegment buffer, long from, long count) {
        for (long i = from; i < from + count; i += Long.BYTES) {
            long found = buffer.get(ValueLayout.JAVA_LONG_UNALIGNED, i);
            if (found != 0x0101_0101_0101_0101L * CANARY) {
                throw new AssertionError("written at " + i + ": " + Long.toHexString(found));
            }
        }
    }

    private boolean works() {
        try {
            Disk disk = hostile();
            return disk != null && disk.state() == Disk.State.PRESENT && roundTrip(disk);
        } catch (DeviceException e) {
            return false;
        }
    }

    private static boolean roundTrip(Disk disk) {
        MemorySegment out = MemorySegment.ofArray(new byte[1 << 16]);
        MemorySegment in = MemorySegment.ofArray(new byte[1 << 16]);
        out.fill((byte) 'r');
        try (Disk.Access access = disk.open(Disk.OpenMode.WRITE_EXCLUSIVE, "round trip")) {
            access.writeBlock(8, out);
            access.readBlock(8, in);
        }
        return in.mismatch(out) == -1;
    }
}
