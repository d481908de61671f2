package helix.hal.sim.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;

/// What SMART / Health Information counts. Base 2.0, section 5.16.1.3.
final class Smart {
    private static final int UNIT = 512_000;
    static final int KELVIN = 313;

    int temperature = KELVIN;
    long mediaErrors;
    private long bytesRead;
    private long bytesWritten;
    private long reads;
    private long writes;
    private long powerCycles;
    private long unsafeShutdowns;
    private boolean shutDown;

    void read(long bytes) {
        bytesRead += bytes;
        reads++;
    }

    void written(long bytes) {
        bytesWritten += bytes;
        writes++;
    }

    void powerCycle() {
        powerCycles++;
        shutDown = false;
    }

    void shutDown() {
        shutDown = true;
    }

    void powerLost(boolean notified) {
        if (!notified && !shutDown) {
            unsafeShutdowns++;
        }
    }

    /// Writes the log page.
    ///
    /// @param warning Critical Warning
    /// @param errors Number of Error Information Log Entries
    void put(MemorySegment page, int warning, long errors) {
        page.set(JAVA_BYTE, 0, (byte) warning);
        page.set(Little.SHORTS, 1, (short) temperature);
        page.set(JAVA_BYTE, 3, (byte) 100);
        page.set(JAVA_BYTE, 4, (byte) 10);
        page.set(Little.LONGS, 32, (bytesRead + UNIT - 1) / UNIT);
        page.set(Little.LONGS, 48, (bytesWritten + UNIT - 1) / UNIT);
        page.set(Little.LONGS, 64, reads);
        page.set(Little.LONGS, 80, writes);
        page.set(Little.LONGS, 112, powerCycles);
        page.set(Little.LONGS, 144, unsafeShutdowns);
        page.set(Little.LONGS, 160, mediaErrors);
        page.set(Little.LONGS, 176, errors);
    }
}
