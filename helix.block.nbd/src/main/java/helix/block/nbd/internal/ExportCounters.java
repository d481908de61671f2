package helix.block.nbd.internal;

import helix.block.api.nbd.NbdExport;
import java.util.concurrent.atomic.LongAdder;

/// What the clients of an export did. Any thread.
final class ExportCounters {
    private final LongAdder requests = new LongAdder();
    private final LongAdder errors = new LongAdder();
    private final LongAdder bytesRead = new LongAdder();
    private final LongAdder bytesWritten = new LongAdder();
    private final LongAdder violations = new LongAdder();

    void answered(Request request) {
        requests.increment();
        if (request.error != 0) {
            errors.increment();
        } else if (request.type == Nbd.CMD_READ) {
            bytesRead.add(request.length);
        } else if (request.type == Nbd.CMD_WRITE) {
            bytesWritten.add(request.length);
        }
    }

    void violation() {
        violations.increment();
    }

    NbdExport.Statistics snapshot(int connections) {
        return new NbdExport.Statistics(
                connections,
                requests.sum(),
                errors.sum(),
                bytesRead.sum(),
                bytesWritten.sum(),
                violations.sum());
    }
}
