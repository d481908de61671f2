package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.modules.api.ModuleState;
import helix.modules.api.binder.Binder.State;
import helix.modules.api.reload.ReloadParticipant.Counts;
import helix.modules.api.reload.ReloadParticipant.Passage;
import helix.modules.api.reload.ReloadReport.DeviceReport;
import helix.modules.api.reload.Reloads.Options;
import helix.modules.internal.ModuleRun.Inheritance;
import helix.modules.internal.ModuleRun.Legacy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One device's way from a generation of one revision to a generation of another: fence, hand over,
/// verify, resume; or back again.
final class Passing {
    /// How long clients have to get out of the driver's code.
    private static final Duration PARK_LIMIT = Duration.ofSeconds(1);

    /// How long somebody else may exchange the device's generation.
    private static final Duration HOLD_LIMIT = Duration.ofSeconds(30);

    /// How long a module that is replaced, or has failed, may take for its `stop`.
    private static final Duration STOP_LIMIT = Duration.ofSeconds(1);

    /// How long a running interrupt handler may take.
    private static final Duration PASS_LIMIT = Duration.ofSeconds(1);

    /// How long taking everything from a module may take.
    private static final Duration REAP_LIMIT = Duration.ofSeconds(8);

    /// How long the old revision has to serve again.
    private static final Duration BACK_LIMIT = Duration.ofSeconds(15);

    private static final String UNBOUND = "it was unbound meanwhile";
    private static final Logger LOG = LoggerFactory.getLogger(Passing.class);

    /// What failed, and in which step.
    record Failure(String step, String reason) {}

    /// A step has failed.
    private static final class Failed extends Exception {
        private static final long serialVersionUID = 1;
        private final transient Failure failure;

        Failed(String step, String reason) {
            super(reason, null, false, false);
            this.failure = new Failure(step, reason);
        }
    }

    /// From which revision to which, for all devices of a driver.
    ///
    /// @param schema the state that the new one takes over, empty if none
    /// @param whyCold what a report says if the options want it cold
    record Way(
            Driver from,
            Driver to,
            Options options,
            Optional<ModuleState.Schema> schema,
            String whyCold) {}

    private final Engine engine;
    private final Bindings bindings;
    private final KnownDevice device;
    private final Way way;
    private final double formerRate;
    private final List<Passage> passages = new ArrayList<>();
    private final LeaseEnds ends = new LeaseEnds();

    private @Nullable ModuleRun old;
    private @Nullable ModuleRun now;
    private @Nullable ModuleState state;
    private Optional<ModuleState.Schema> saves = Optional.empty();
    private @Nullable Failure failure;
    private boolean fenced;
    private boolean asked;
    private boolean warm;
    private boolean takenAway;
    private String why = "";
    private long parkedAt;
    private long outAt;
    private long startedAt;
    private long verifiedAt;
    private long resumedAt;
    private Counts counts = Counts.NONE;
    private volatile double recoveryMs = -1;
    private DoubleConsumer onRecovery = _ -> {};

    /// @param formerRate of completions before the reload was asked for, 0 if not known
    Passing(Engine engine, KnownDevice device, Way way, double formerRate) {
        this.engine = engine;
        this.bindings = engine.bindings();
        this.device = device;
        this.way = way;
        this.formerRate = formerRate;
    }

    /// Exchanges the generation; comes back when the device's clients go on.
    void run() {
        if (!bindings.hold(device.id(), Deadline.after(HOLD_LIMIT))) {
            failure = new Failure("prepare", device.id() + " is being exchanged by somebody else");
            return;
        }
        Children children = new Children(bindings);
        try {
            ModuleRun serving = bindings.run(device.id());
            old = serving;
            now = serving;
            if (serving != null) { // it may be coming up
                bindings.await(
                        () -> serving.state() == State.RUNNING || serving.isOver(),
                        Deadline.after(way.options().timeout()));
            }
            children.of(old);
            ModuleRun next = prepare();
            double rate = formerRate > 0 ? formerRate : engine.rates().rate(device.id());
            exchange(next, children);
            retire();
            engine.rates().resumed(device.id(), rate, this::recovered);
        } catch (Failed e) { // nothing was stopped yet
            failure = e.failure;
        } finally {
            passages.forEach(Passing::close);
            bindings.free(device.id());
            children.release();
        }
    }

    /// What can be done while the old generation serves.
    private ModuleRun prepare() throws Failed {
        ModuleRun serving = old;
        try {
            engine.participants().forEach(p -> passages.add(p.begin(device.id())));
            if (serving != null && !way.options().cold() && !way.options().drain()) {
                saves = serving.schema().get(1, TimeUnit.SECONDS);
            }
        } catch (TimeoutException | ExecutionException e) {
            LOG.debug("{} does not say what state it saves", serving, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failed("prepare", "interrupted");
        } catch (RuntimeException e) { // of a subsystem
            LOG.warn("{}: a subsystem does not take part", device.id(), e);
            throw new Failed("prepare", "a subsystem does not take part: " + Reason.of(e));
        }
        return make(way.to(), Deadline.after(way.options().timeout()));
    }

    /// Makes a generation that has not begun.
    private ModuleRun make(Driver driver, Deadline deadline) throws Failed {
        ModuleRun run = bindings.next(device, driver);
        CompletableFuture<Void> made = run.prepare();
        bindings.await(() -> made.isDone() || run.isOver(), deadline);
        if (run.isOver() || !made.isDone()) {
            String reason = run.isOver() ? run.reason() : "the constructor does not return";
            discard(run);
            throw new Failed("prepare", reason);
        }
        return run;
    }

    private static void discard(@Nullable ModuleRun run) {
        if (run != null && !run.isOver()) {
            run.stop(Cause.stop(STOP_LIMIT), STOP_LIMIT);
        }
    }

    // --- the pause -------------------------------------------------------------------------------

    private void exchange(ModuleRun next, Children children) {
        Deadline deadline = Deadline.after(way.options().timeout());
        fenced = true;
        parkedAt = System.nanoTime();
        outAt = parkedAt;
        try {
            why = fence(deadline, children);
            if (why.isEmpty()) {
                why = warm(next, deadline);
            }
            warm = why.isEmpty();
            if (!warm) {
                if (isUnwanted()) {
                    throw new Failed("hand over", UNBOUND);
                }
                deadline = atLeastHalf(deadline);
                children.stop(deadline);
                cold(now == next || next.isOver() ? make(way.to(), deadline) : next, deadline);
            }
            startedAt = System.nanoTime();
            verify(deadline);
        } catch (Failed e) {
            failed(e.failure);
        } catch (RuntimeException e) { // of the platform's own steps
            LOG.warn("{}: the hand-over failed", device.id(), e);
            failed(new Failure("hand over", Reason.of(e)));
        } finally {
            resume();
            ModuleRun serving = now;
            if (next != serving) { // it was made for nothing
                discard(next);
            }
        }
    }

    /// Holds clients back.
    ///
    /// @return why the hand-over has to be a cold one, or nothing
    private String fence(Deadline deadline, Children children) {
        Deadline limit = sooner(deadline, PARK_LIMIT);
        boolean isParked = true;
        for (Passage passage : passages) {
            isParked &= passage.park(limit);
        }
        Options options = way.options();
        if (options.drain()) {
            Deadline half = Deadline.after(way.options().timeout().dividedBy(2));
            for (Passage passage : passages) {
                isParked &= passage.drain(half);
            }
            return isParked ? "drained" : "not drained in time";
        }
        if (options.cold()) {
            return way.whyCold();
        }
        if (!isParked) {
            return "clients were not out of the driver within " + ModuleRun.seconds(PARK_LIMIT);
        }
        if (!children.isEmpty()) {
            return "devices are behind it";
        }
        return Legacies.misfit(saves, way.schema());
    }

    /// Hands over without a reset.
    ///
    /// @return why it could not be done, although the new revision has done nothing wrong; nothing
    ///   if the new generation serves
    private String warm(ModuleRun next, Deadline deadline) throws Failed {
        ModuleRun from = old;
        Bringing.Grant held = from == null ? null : from.grant();
        if (from == null || held == null) {
            return "nothing drove it";
        }
        Legacy legacy = surrender(from, deadline);
        ModuleState saved = legacy.state();
        if (saved == null) {
            return legacy.why();
        }
        Bringing.Grant grant;
        try {
            grant = pass(held, way.to(), deadline);
        } catch (RuntimeException e) { // a busy handler, or a HAL that is going
            LeaseEnds.release(held);
            return "its lease was not passed on: " + Reason.of(e);
        }
        outAt = System.nanoTime();
        state = saved;
        bindings.swap(next);
        now = next;
        next.takeOver(new Inheritance(grant, saved));
        if (serves(next, deadline)) {
            return "";
        }
        if (next.isUntouched() && next.failedIn().equals("migrate")) {
            LeaseEnds.release(grant);
            return "migrate: " + next.reason();
        }
        throw new Failed("hand over", reason(next));
    }

    private Legacy surrender(ModuleRun from, Deadline deadline) {
        asked = true;
        CompletableFuture<Legacy> legacy =
                from.surrender(saves.orElseThrow(), sooner(deadline, STOP_LIMIT).limit());
        bindings.await(() -> legacy.isDone() || from.state() == State.ZOMBIE, deadline);
        String reason = from.reason(); // empty while it is still at it
        return legacy.getNow(
                new Legacy(
                        null, reason.isEmpty() ? "it did not give up its device in time" : reason));
    }

    private Bringing.Grant pass(Bringing.Grant held, Driver to, Deadline deadline) {
        Bringing.Grant grant =
                engine.bringing().pass(held, device, to, sooner(deadline, PASS_LIMIT));
        ends.passed(held);
        return grant;
    }

    /// Hands over by way of a reset.
    private void cold(ModuleRun next, Deadline deadline) throws Failed {
        ModuleRun from = old;
        if (from != null && !from.isOver()) {
            Cause cause =
                    way.options().drain() ? Cause.stop(STOP_LIMIT) : Cause.replaced(STOP_LIMIT);
            from.stop(cause, sooner(deadline, Duration.ofSeconds(4)).limit());
        }
        LeaseEnds.releaseLeft(from); // it may have surrendered when nobody waited for that any more
        outAt = Math.max(outAt, System.nanoTime());
        bindings.swap(next);
        now = next;
        next.begin();
        if (!serves(next, deadline)) {
            throw new Failed("hand over", reason(next));
        }
    }

    /// Waits until a generation serves, and takes everything from it if it does not in time.
    private boolean serves(ModuleRun run, Deadline deadline) {
        bindings.await(() -> run.state() == State.RUNNING || run.isOver(), deadline);
        if (run.state() != State.RUNNING && !run.isOver()) {
            run.fence("no service within " + ModuleRun.seconds(deadline.limit()));
            bindings.await(run::isOver, Deadline.after(REAP_LIMIT));
        }
        return run.state() == State.RUNNING;
    }

    private String reason(ModuleRun run) {
        if (!device.device().isPresent()) {
            return ModuleRun.GONE;
        }
        String text = run.reason().isEmpty() ? "it was stopped" : run.reason();
        return run.failedIn().isEmpty() ? text : run.failedIn() + ": " + text;
    }

    private void verify(Deadline deadline) throws Failed {
        try {
            passages.forEach(p -> p.verify(deadline));
        } catch (RuntimeException e) { // what the subsystem has found
            throw new Failed("verify", Reason.of(e));
        }
        ModuleRun next = now;
        if (next != null && next.state() != State.RUNNING) {
            throw new Failed("verify", reason(next));
        }
        verifiedAt = System.nanoTime();
    }

    /// Lets clients go on. That runs code of the driver's, and where it fails or hangs there the
    /// revision before comes back.
    private void resume() {
        Failure stuck = letGo();
        if (stuck != null && failure == null) {
            Deadline deadline = Deadline.after(PARK_LIMIT);
            passages.forEach(p -> p.park(deadline)); // those of others may have gone on
            failed(stuck);
            stuck = letGo();
        }
        if (stuck != null) {
            LOG.error("{}: clients could not be resumed: {}", device.id(), stuck.reason());
        }
        resumedAt = System.nanoTime();
    }

    /// @return what failed, of one subsystem; the others go on
    private @Nullable Failure letGo() {
        Failure first = null;
        for (Passage passage : passages) {
            try {
                counts = counts.plus(passage.resume());
            } catch (RuntimeException e) {
                LOG.debug("{}: not resumed", device.id(), e);
                first = first == null ? new Failure("resume", Reason.of(e)) : first;
            }
        }
        return first;
    }

    // --- and back --------------------------------------------------------------------------------

    private void failed(Failure what) {
        warm = false;
        if (!device.device().isPresent()) {
            why = ModuleRun.GONE;
            LeaseEnds.releaseLeft(old);
            LeaseEnds.releaseLeft(now);
            return;
        }
        String deed = othersDeed();
        if (!deed.isEmpty()) { // theirs is the last word, and no revision's fault
            why = deed;
            takenAway = true;
            end(Cause.stop(STOP_LIMIT));
            return;
        }
        failure = what;
        ModuleRun serving = now;
        if (serving != null && serving == old && !serving.isOver() && !asked) {
            why = what.reason(); // nothing was done to it yet
            return;
        }
        LOG.warn("{}: {} failed: {}", device.id(), what.step(), what.reason());
        try {
            if (!backWarm()) {
                backCold(what);
                why = what.step() + ": " + what.reason();
            }
        } catch (Failed e) {
            LOG.error("{}: the revision before fails too: {}", device.id(), e.getMessage());
            why = "the revision before fails too: " + e.getMessage();
            LeaseEnds.releaseLeft(now);
        } catch (RuntimeException e) { // of the platform's own steps
            LOG.error("{}: the revision before cannot be brought back", device.id(), e);
            why = "the revision before cannot be brought back: " + Reason.of(e);
            LeaseEnds.releaseLeft(now);
        }
    }

    /// Whether the device is not to have the new revision any more.
    private boolean isUnwanted() {
        String override = bindings.override(device.id());
        return override != null && !override.equals(way.to().name());
    }

    /// What somebody else has done to the device meanwhile, or nothing.
    private String othersDeed() {
        if (isUnwanted()) {
            return UNBOUND;
        }
        ModuleRun serving = now;
        boolean isAsked =
                serving != null
                        && serving != old
                        && serving.isEnding()
                        && serving.ending() == ModuleRun.Ending.ASKED;
        // With its factory gone it is the revision that was taken away.
        boolean isHere =
                bindings.allDrivers().stream().anyMatch(d -> d.serviceId() == way.to().serviceId());
        return isAsked && isHere ? "it was stopped meanwhile" : "";
    }

    /// Ends the generation that has the device now, and gives back what that one had not taken yet.
    private void end(Cause cause) {
        ModuleRun broken = now;
        if (broken == null) {
            return;
        }
        if (!broken.isOver()) {
            broken.stop(cause, STOP_LIMIT.multipliedBy(3));
        }
        LeaseEnds.releaseLeft(broken);
    }

    /// A generation of the old revision takes over what the old one has saved, if the new one has
    /// not touched the device.
    private boolean backWarm() throws Failed {
        ModuleRun broken = now;
        ModuleState saved = state;
        Bringing.Grant held = broken == null ? null : broken.inherited();
        if (broken == null || saved == null || held == null || !broken.isUntouched()) {
            return false;
        }
        Deadline deadline = Deadline.after(BACK_LIMIT);
        ModuleRun again = make(way.from(), deadline);
        try {
            Bringing.Grant grant = pass(held, way.from(), deadline);
            bindings.swap(again);
            now = again;
            again.takeOver(new Inheritance(grant, saved));
        } catch (DeviceException e) {
            LOG.warn("{}: its lease was not passed back: {}", device.id(), Reason.of(e));
            LeaseEnds.release(held);
            discard(again);
            return false;
        }
        warm = serves(again, deadline);
        if (!warm && again.isUntouched()) {
            LeaseEnds.releaseLeft(again);
        }
        return warm;
    }

    private void backCold(Failure what) throws Failed {
        Deadline deadline = Deadline.after(BACK_LIMIT);
        end(new Cause(what.step() + ": " + what.reason(), false, STOP_LIMIT));
        ModuleRun again = make(way.from(), deadline);
        bindings.swap(again);
        now = again;
        again.begin();
        if (!serves(again, deadline)) {
            throw new Failed("hand over", reason(again));
        }
    }

    // --- after the pause -------------------------------------------------------------------------

    /// What can be done while the new generation serves: the old services go, which subsystems have
    /// left by now, and the old handles.
    private void retire() {
        ModuleRun serving = now;
        if (warm && serving != null) {
            serving.announce();
        }
        ModuleRun from = old;
        if (from != null) {
            from.retire();
        }
        ends.retire();
    }

    private static void close(Passage passage) {
        try {
            passage.close();
        } catch (Exception e) { // of a subsystem; the others are closed too
            LOG.error("a passage could not be closed", e);
        }
    }

    private synchronized void recovered(double millis) {
        recoveryMs = millis;
        onRecovery.accept(millis);
    }

    /// Who is told when the former rate is reached.
    synchronized void onRecovery(DoubleConsumer listener) {
        onRecovery = listener;
    }

    /// What is left of the time, or half of the whole: a reset is begun with time to end.
    private Deadline atLeastHalf(Deadline deadline) {
        Duration half = way.options().timeout().dividedBy(2);
        return deadline.remainingNanos() < half.toNanos() ? Deadline.after(half) : deadline;
    }

    private static Deadline sooner(Deadline deadline, Duration limit) {
        long nanos = Math.min(deadline.remainingNanos(), limit.toNanos());
        return Deadline.after(Duration.ofNanos(Math.max(0, nanos)));
    }

    // --- what came of it -------------------------------------------------------------------------

    /// What the new revision did wrong, or null.
    @Nullable Failure failure() {
        return failure;
    }

    /// Whether clients were held back at all.
    boolean isFenced() {
        return fenced;
    }

    /// When clients were first held back.
    long fencedAt() {
        return parkedAt;
    }

    KnownDevice device() {
        return device;
    }

    double recoveryMs() {
        return recoveryMs;
    }

    /// Whether a generation serves, or none is wanted because the device is gone or was unbound.
    boolean serves() {
        ModuleRun serving = now;
        return takenAway
                || !device.device().isPresent()
                || (serving != null && serving.state() == State.RUNNING);
    }

    DeviceReport report() {
        ModuleRun serving = now;
        long started = startedAt == 0 ? resumedAt : startedAt;
        return new DeviceReport(
                device.id(),
                serving == null ? "" : serving.name(),
                serving == null ? 0 : serving.status().generation(),
                warm,
                why,
                millis(parkedAt, resumedAt),
                millis(parkedAt, outAt),
                millis(outAt, started),
                millis(started, verifiedAt),
                counts.parked(),
                counts.adopted(),
                counts.replayed(),
                counts.failed(),
                recoveryMs);
    }

    private static double millis(long from, long to) {
        return from == 0 || to < from ? 0 : (to - from) / 1e6;
    }
}
