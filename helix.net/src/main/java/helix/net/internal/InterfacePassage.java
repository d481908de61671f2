package helix.net.internal;

import helix.hal.api.Deadline;
import helix.modules.api.ModuleError;
import helix.modules.api.reload.ReloadParticipant.Counts;
import helix.net.api.NetworkInterface.Statistics;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One interface's passage from a generation of its driver to the next. There is nothing on a
/// network that must read the same; the address and the link are compared, and the queues must be
/// there.
final class InterfacePassage implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(InterfacePassage.class);

    /// How long the user of a port is waited for: one who moves frames comes by at once.
    private static final long TAKEN_MILLIS = 200;

    /// How long a link may take to come up again.
    private static final long LINK_MILLIS = 1_000;

    private static final long LINK_NAP_NANOS = 200_000;

    private final StableInterface face;
    private final @Nullable NetBackend before;
    private final boolean linkUp;
    private Statistics atPark;
    private long adoptedAtPark;
    private long failedAtPark;
    private boolean resumed = true;

    InterfacePassage(StableInterface face) {
        this.face = face;
        before = face.backend();
        linkUp = face.isLinkUp();
        atPark = face.tally().statistics(0);
    }

    boolean park(Deadline deadline) {
        atPark = face.tally().statistics(0);
        adoptedAtPark = face.tally().adopted();
        failedAtPark = face.tally().failed();
        resumed = false;
        return face.park(deadline);
    }

    boolean drain(Deadline deadline) {
        return face.drain(deadline);
    }

    @SuppressWarnings("ReferenceEquality") // backends are identities
    void verify(Deadline deadline) {
        NetBackend now = face.backend();
        if (before == null) {
            return;
        }
        if (now == null || now == before) {
            throw new ModuleError("the new generation does not serve " + face.name());
        }
        long mac = now.device().macAddress();
        if (mac != before.mac()) {
            throw new ModuleError(
                    face.name()
                            + ": the address was "
                            + NetBackend.text(before.mac())
                            + " and is "
                            + NetBackend.text(mac));
        }
        Deadline link = Deadline.afterMillis(Math.min(LINK_MILLIS, deadline.remainingMillis()));
        while (linkUp && !face.isLinkUp()) {
            if (link.isExpired()) {
                throw new ModuleError(face.name() + ": the link was up and is down");
            }
            LockSupport.parkNanos(LINK_NAP_NANOS);
        }
        String fault =
                face.awaitTaken(
                        Deadline.afterMillis(Math.min(TAKEN_MILLIS, deadline.remainingMillis())));
        if (!fault.isEmpty()) {
            throw new ModuleError(fault);
        }
    }

    Counts resume() {
        resumed = true;
        face.resume();
        Statistics now = face.tally().statistics(0);
        return new Counts(
                now.txParked() - atPark.txParked(),
                face.tally().adopted() - adoptedAtPark,
                0,
                face.tally().failed() - failedAtPark);
    }

    @Override
    public void close() {
        if (!resumed) {
            Counts counts = resume();
            LOG.debug("{}: resumed at the end, {}", face.name(), counts);
        }
    }
}
