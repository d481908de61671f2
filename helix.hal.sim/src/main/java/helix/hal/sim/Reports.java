package helix.hal.sim;

import helix.hal.sim.SimMachine.DmaFault;
import helix.hal.sim.SimMachine.Violation;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What devices were kept from and what they complain about: counted, the first ones kept, warned
/// of less and less often. Thread-safe; called with functions' locks held.
final class Reports {
    private static final int KEPT = 256;
    private static final int LOGGED = 16;
    private static final Logger LOG = LoggerFactory.getLogger(SimMachine.class);

    // Guarded by this.
    private final List<DmaFault> dmaFaults = new ArrayList<>();
    private final List<Violation> violations = new ArrayList<>();
    private final List<String> failures = new ArrayList<>();
    private long dmaFaultCount;
    private long violationCount;

    /// The first few, then each power of two.
    private static boolean isLogged(long count) {
        return count <= LOGGED || Long.bitCount(count) == 1;
    }

    synchronized void dmaFault(DmaFault fault) {
        dmaFaultCount++;
        if (dmaFaults.size() < KEPT) {
            dmaFaults.add(fault);
        }
        if (isLogged(dmaFaultCount)) {
            LOG.warn("{} ({} so far)", fault, dmaFaultCount);
        }
    }

    synchronized void violation(Violation violation) {
        violationCount++;
        if (violations.size() < KEPT) {
            violations.add(violation);
        }
        if (isLogged(violationCount)) {
            LOG.warn("{} ({} so far)", violation, violationCount);
        }
    }

    synchronized void failure(String function, Throwable cause) {
        failures.add(function + ": " + cause);
        LOG.error("the model of {} failed; the function is gone", function, cause);
    }

    /// A model that was left to itself.
    synchronized void abandoned(String function, long millis) {
        failures.add(function + ": did not let go within " + millis + " ms and was abandoned");
        LOG.error(
                "the model of {} is in a method that did not return within {} ms; it is abandoned,"
                        + " with its thread and what it has open",
                function,
                millis);
    }

    synchronized List<DmaFault> dmaFaults() {
        return List.copyOf(dmaFaults);
    }

    synchronized List<Violation> violations() {
        return List.copyOf(violations);
    }

    synchronized List<String> failures() {
        return List.copyOf(failures);
    }

    /// One line, empty if there is nothing to complain about.
    synchronized String summary() {
        return dmaFaultCount == 0 && violationCount == 0 && failures.isEmpty()
                ? ""
                : "%d accesses to memory refused, %d violations by drivers, %d models failed"
                        .formatted(dmaFaultCount, violationCount, failures.size());
    }

    synchronized long dmaFaultCount() {
        return dmaFaultCount;
    }

    synchronized long violationCount() {
        return violationCount;
    }

    synchronized void clear() {
        dmaFaults.clear();
        violations.clear();
        failures.clear();
        dmaFaultCount = 0;
        violationCount = 0;
    }
}
