package helix.modules.internal;

import helix.hal.api.Deadline;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The ends of the leases that one passage leaves behind: those that were passed on, and those that
/// are valid although no generation has them any more.
final class LeaseEnds {
    private static final Duration RELEASE_LIMIT = Duration.ofSeconds(5);
    private static final Duration RETIRE_LIMIT = Duration.ofSeconds(2);
    private static final Duration RETIRE_TRY = Duration.ofMillis(200);

    private static final Logger LOG = LoggerFactory.getLogger(Passing.class);

    private final List<Bringing.Grant> passed = new ArrayList<>();

    /// Takes note of a lease that was passed on.
    void passed(Bringing.Grant grant) {
        passed.add(grant);
    }

    /// Ends what was passed on; not in the pause.
    void retire() {
        for (Bringing.Grant grant : passed) {
            Deadline deadline = Deadline.after(RETIRE_LIMIT);
            boolean done = false;
            while (!done && !deadline.isExpired()) {
                done = grant.by().retire(grant.lease(), Deadline.after(RETIRE_TRY));
            }
            if (!done) {
                LOG.warn("{} keeps its memory mapped", grant.lease().owner());
            }
        }
        passed.clear();
    }

    static void release(Bringing.Grant grant) {
        var release = grant.by().release(grant.lease(), Deadline.after(RELEASE_LIMIT));
        if (!release.confirmed()) {
            LOG.warn(
                    "{} did not confirm its reset: {}",
                    grant.lease().device().id(),
                    release.reset());
        }
    }

    /// Gives back what a run that is over has left: the lease that it surrendered when nobody
    /// waited for that any more, or the one that it was to take over and could not.
    static void releaseLeft(@Nullable ModuleRun run) {
        if (run != null && run.isOver()) {
            releaseIfValid(run.grant());
            releaseIfValid(run.inherited());
        }
    }

    private static void releaseIfValid(Bringing.@Nullable Grant grant) {
        if (grant != null && grant.lease().isValid()) {
            release(grant);
        }
    }
}
