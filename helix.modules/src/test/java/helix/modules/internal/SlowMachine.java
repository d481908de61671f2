package helix.modules.internal;

import helix.hal.api.machine.BusAccess;
import helix.modules.probe.Probe;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// A machine whose accesses take long, as those to a stopped one do until their deadline.
final class SlowMachine implements BusAccess {
    private final long millis;

    private SlowMachine(long millis) {
        this.millis = millis;
    }

    /// Each access takes that long.
    static SlowMachine answersAfter(long millis) {
        return new SlowMachine(millis);
    }

    /// An access lasts until the test is over.
    static SlowMachine neverAnswers() {
        return new SlowMachine(-1);
    }

    private int answer() {
        if (millis < 0) {
            Probe.hang();
            return 0;
        }
        try {
            return new CountDownLatch(1).await(millis, TimeUnit.MILLISECONDS) ? 1 : 0;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return -1;
        }
    }

    @Override
    public byte read8(long address) {
        return (byte) answer();
    }

    @Override
    public short read16(long address) {
        return (short) answer();
    }

    @Override
    public int read32(long address) {
        return answer();
    }

    @Override
    public long read64(long address) {
        return answer();
    }

    @Override
    public void write8(long address, byte value) {
        int _ = answer();
    }

    @Override
    public void write16(long address, short value) {
        int _ = answer();
    }

    @Override
    public void write32(long address, int value) {
        int _ = answer();
    }

    @Override
    public void write64(long address, long value) {
        int _ = answer();
    }
}
