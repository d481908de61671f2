package helix.driver.kit;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import java.lang.reflect.Proxy;
import org.junit.jupiter.api.Test;

/// The kit is worth what it finds: each planted fault fails a case.
class FaultyDeviceTest {
    private static class Faulty extends MemoryBlockDevice {
        int requests;

        Faulty() {
            super(512, 32 * 1024);
        }
    }

    private static void finds(Faulty device, String inMessage) {
        BlockDeviceKit.Report report =
                BlockDeviceKit.of(() -> device)
                        .withPowerCut(device::powerCut)
                        .withAllocationMeasured()
                        .runAll(line -> {});
        assertThat(report.failed()).anyMatch(line -> line.contains(inMessage));
    }

    @Test
    void aDroppedWrite() {
        finds(
                new Faulty() {
                    @Override
                    protected int perform(
                            int op, int flags, long lba, int count, ScatterList list) {
                        if (op == BlockOp.WRITE && ++requests % 50 == 0) {
                            return BlockStatus.OK;
                        }
                        return super.perform(op, flags, lba, count, list);
                    }
                },
                "expected");
    }

    @Test
    void readingTheNextBlock() {
        finds(
                new Faulty() {
                    @Override
                    protected int perform(
                            int op, int flags, long lba, int count, ScatterList list) {
                        long at = op == BlockOp.READ && lba + count < totalBlocks() ? lba + 1 : lba;
                        return super.perform(op, flags, at, count, list);
                    }
                },
                "block 3, byte 0");
    }

    @Test
    void aTornWrite() {
        finds(
                new Faulty() {
                    @Override
                    protected int perform(
                            int op, int flags, long lba, int count, ScatterList list) {
                        boolean tear = op == BlockOp.WRITE && list.size() == 1 && count > 7;
                        ScatterList part = list;
                        if (tear) {
                            part = new ScatterList(1);
                            part.add(list.buffer(0), list.offset(0), list.length(0) - 512);
                        }
                        return super.perform(op, flags, lba, count, part);
                    }
                },
                "write read 8 blocks");
    }

    @Test
    void forcedUnitAccessIgnored() {
        finds(
                new Faulty() {
                    @Override
                    protected int perform(
                            int op, int flags, long lba, int count, ScatterList list) {
                        return super.perform(op, 0, lba, count, list);
                    }
                },
                "FUA writes outlast a power cut");
    }

    @Test
    void flushIgnored() {
        finds(
                new Faulty() {
                    @Override
                    protected int perform(
                            int op, int flags, long lba, int count, ScatterList list) {
                        return op == BlockOp.FLUSH
                                ? BlockStatus.OK
                                : super.perform(op, flags, lba, count, list);
                    }
                },
                "flushed writes outlast a power cut");
    }

    @Test
    void successBeyondTheEnd() {
        finds(
                new Faulty() {
                    @Override
                    protected int perform(
                            int op, int flags, long lba, int count, ScatterList list) {
                        int status = super.perform(op, flags, lba, count, list);
                        return status == BlockStatus.OUT_OF_RANGE ? BlockStatus.OK : status;
                    }
                },
                "offset + nbytes > size");
    }

    @Test
    void aComparisonThatAlwaysHolds() {
        finds(
                new Faulty() {
                    @Override
                    protected int perform(
                            int op, int flags, long lba, int count, ScatterList list) {
                        int status = super.perform(op, flags, lba, count, list);
                        return status == BlockStatus.COMPARE_FAILED ? BlockStatus.OK : status;
                    }
                },
                "compare finds a difference");
    }

    @Test
    void zeroesThatAreNot() {
        finds(
                new Faulty() {
                    @Override
                    protected int perform(
                            int op, int flags, long lba, int count, ScatterList list) {
                        return op == BlockOp.WRITE_ZEROES && count > 1
                                ? super.perform(op, flags, lba, count - 1, list)
                                : super.perform(op, flags, lba, count, list);
                    }
                },
                "write zeroes read split");
    }

    @Test
    void aRequestThatEndsTwice() {
        finds(
                new Faulty() {
                    @Override
                    public BlockQueue openQueue(QueueOptions options) {
                        return pollingTwice(super.openQueue(options));
                    }
                },
                "not in flight");
    }

    @Test
    void allocationPerRequest() {
        finds(
                new Faulty() {
                    byte[] garbage = {};

                    @Override
                    protected int perform(
                            int op, int flags, long lba, int count, ScatterList list) {
                        garbage = new byte[64 + garbage.length % 2];
                        return super.perform(op, flags, lba, count, list);
                    }
                },
                "allocates nothing");
    }

    @Test
    void aQueueTooMany() {
        finds(
                new Faulty() {
                    @Override
                    public BlockQueue openQueue(QueueOptions options) {
                        if (queuesOpen() == limits().maxQueues()) {
                            queueClosed();
                        }
                        return super.openQueue(options);
                    }
                },
                "NO_QUEUE");
    }

    /// The queue, but that every 40th completion comes twice.
    private static BlockQueue pollingTwice(BlockQueue queue) {
        int[] count = new int[1];
        return (BlockQueue)
                Proxy.newProxyInstance(
                        FaultyDeviceTest.class.getClassLoader(),
                        new Class<?>[] {BlockQueue.class},
                        (proxy, method, arguments) -> {
                            if (!method.getName().equals("poll")) {
                                return method.invoke(queue, arguments);
                            }
                            BlockQueue.CompletionHandler handler =
                                    (BlockQueue.CompletionHandler) arguments[0];
                            BlockQueue.CompletionHandler twice =
                                    (tag, status) -> {
                                        handler.completed(tag, status);
                                        if (++count[0] % 40 == 0) {
                                            handler.completed(tag, status);
                                        }
                                    };
                            return queue.poll(twice, (int) arguments[1]);
                        });
    }
}
