package helix.driver.block.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.driver.kit.virtio.RequestChain;
import helix.hal.api.DmaBuffer;
import helix.hal.api.Lease;
import helix.virtio.VirtioFeature;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A device that does anything to what it can write: rings, descriptors, lengths, configuration,
/// interrupts. Requests end once each, nobody's memory but theirs is written, and the driver says
/// what is wrong instead of throwing.
class MutationTest {
    private static final int MUTATIONS = Boolean.getBoolean("helix.full") ? 150_000 : 10_000;
    private static final int PER_LIFE = 12;
    private static final int DEPTH = 16;
    private static final int BYTES = 4096;
    private static final int GUARD = 512;
    private static final byte CANARY = 0x5C;

    private final int[] ends = new int[DEPTH];
    private long seed;

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anythingInMemory(boolean packed) {
        long first = Long.getLong("helix.seed", 1);
        for (int life = 0; life * PER_LIFE < MUTATIONS / 2; life++) {
            seed = first + life;
            live(packed, new Random(seed));
        }
    }

    private void live(boolean packed, Random random) {
        long features = Fixture.USUAL;
        features ^= random.nextBoolean() ? VirtioFeature.RING_INDIRECT_DESC : 0;
        features ^= random.nextBoolean() ? VirtioFeature.RING_EVENT_IDX : 0;
        features |= packed ? VirtioFeature.RING_PACKED : 0;
        try (Fixture f = new Fixture(features, 64, 64).start()) {
            BlockQueue queue = f.disk().openQueue(QueueOptions.polled(DEPTH));
            DmaBuffer buffer = f.disk().allocate((long) DEPTH * (BYTES + GUARD) + GUARD);
            buffer.segment().fill(CANARY);
            f.media.hold = true;
            java.util.Arrays.fill(ends, -1);
            for (int tag = 0; tag < DEPTH / 2; tag++) {
                submit(queue, buffer, tag, random);
            }
            queue.kick();
            f.media.device.automatic(false);
            for (int i = 0; i < PER_LIFE; i++) {
                mutate(f, random, packed);
                if (random.nextInt(4) == 0) {
                    submit(queue, buffer, DEPTH / 2 + i % (DEPTH / 2), random);
                    queue.kick();
                }
                poll(queue);
                f.watch(Duration.ofMillis(1), 1);
            }
            assertThat(f.context.failures.size()).as(this::what).isLessThanOrEqualTo(1);
            f.release(Lease.State.RELEASED);
            // The first may find out only that the lease is over.
            poll(queue);
            poll(queue);
            assertThat(queue.inFlight()).as(this::what).isZero();
            for (int tag = 0; tag < DEPTH; tag++) {
                assertThat(ends[tag]).as(this::what).isNotZero();
            }
            requireCanaries(buffer.segment());
            queue.close();
            buffer.close();
        }
    }

    private String what() {
        return "seed " + seed;
    }

    private void submit(BlockQueue queue, DmaBuffer buffer, int tag, Random random) {
        if (ends[tag] == 0) {
            return; // in flight
        }
        int op = random.nextBoolean() ? BlockOp.READ : BlockOp.WRITE;
        long at = GUARD + (long) tag * (BYTES + GUARD);
        if (queue.submit(op, 0, random.nextInt(1000), BYTES / 512, buffer, at, tag)) {
            ends[tag] = 0;
        }
    }

    private void poll(BlockQueue queue) {
        int _ =
                queue.poll(
                        (tag, status) -> {
                            assertThat(ends[tag]).as("%s: request %d", what(), tag).isZero();
                            ends[tag] = 1;
                        },
                        DEPTH);
    }

    private static void mutate(Fixture f, Random random, boolean packed) {
        List<RequestChain> kept = f.media.device.kept(0);
        switch (random.nextInt(8)) {
            case 0 -> scribble(f.media.device.ring(0).deviceArea(), random);
            case 1 -> scribble(f.media.device.ring(0).descriptorArea(), random);
            case 2 -> {
                if (!packed) {
                    // The used index jumps.
                    f.media
                            .device
                            .ring(0)
                            .deviceArea()
                            .set(ValueLayout.JAVA_SHORT, 2, (short) random.nextInt());
                }
            }
            case 3 -> {
                if (!kept.isEmpty()) {
                    RequestChain chain = kept.get(random.nextInt(kept.size()));
                    f.media.device.complete(0, chain, random.nextInt());
                }
            }
            case 4 -> {
                if (!kept.isEmpty()) {
                    RequestChain chain = kept.get(random.nextInt(kept.size()));
                    int all = (int) chain.writableBytes();
                    chain.write(all - 1, new byte[] {(byte) random.nextInt()});
                    f.media.device.complete(0, chain, random.nextInt(all + 1));
                }
            }
            case 5 -> {
                scribble(f.media.device.config(), random);
                f.media.device.configChanged();
            }
            case 6 -> {
                for (int i = 0; i < 50; i++) {
                    f.media.machine.raise(random.nextInt(f.media.machine.vectorCount()));
                }
            }
            default -> {
                if (random.nextInt(10) == 0) {
                    f.media.device.needsReset();
                }
            }
        }
    }

    private static void scribble(MemorySegment memory, Random random) {
        byte[] noise = new byte[1 + random.nextInt((int) Math.min(24, memory.byteSize()))];
        random.nextBytes(noise);
        long at = random.nextLong(memory.byteSize() - noise.length + 1);
        MemorySegment.copy(noise, 0, memory, ValueLayout.JAVA_BYTE, at, noise.length);
    }

    private void requireCanaries(MemorySegment memory) {
        for (long i = 0; i < memory.byteSize(); i++) {
            if (i % (BYTES + GUARD) < GUARD && memory.get(ValueLayout.JAVA_BYTE, i) != CANARY) {
                throw new AssertionError(what() + ": byte " + i + " was written");
            }
        }
    }
}
