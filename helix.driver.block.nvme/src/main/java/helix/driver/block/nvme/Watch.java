package helix.driver.block.nvme;

import helix.driver.api.block.BlockStatus;
import helix.driver.block.nvme.Controller.Phase;
import helix.driver.block.nvme.NvmeRegisters.CSTS;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.modules.api.Agent;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Looks after the controller on an agent: asynchronous events, fatal status, removal, time-outs,
/// and the reset that follows from them. A reset takes longer than an agent may stay away, so it is
/// done in steps:
///
/// ```
///   RUNNING ──fault──▶ DISABLING ──CSTS.RDY = 0──▶ ENABLING ──CSTS.RDY = 1, set up──▶ RUNNING
/// ```
///
/// Requests in flight end when the controller has confirmed with CSTS.RDY = 0, not before.
final class Watch implements Agent {
    private static final Logger LOG = LoggerFactory.getLogger(Watch.class);
    private static final int MAX_ATTEMPTS = 3;
    private static final long LOCK_MILLIS = 100;

    /// How long the clients of the generation before have to ask for their queues.
    private static final long CLAIM_NANOS = 10_000_000_000L;

    private final Controller controller;
    private final Namespaces namespaces;
    private final AsyncEvents events;
    private final BiConsumer<String, DeviceException> failure;

    /// By queue and slot: the stamp of the command for which Abort was sent.
    private final long[][] aborted;

    private long stepBegan;
    private int attempts;
    private long resets;

    /// When the queues of the generation before were taken over; 0 once they are settled.
    private long adoptedAt;

    private int unclaimed;

    /// Makes a watch.
    ///
    /// @param failure told when the controller cannot be brought back
    Watch(
            Controller controller,
            Namespaces namespaces,
            AsyncEvents events,
            BiConsumer<String, DeviceException> failure) {
        this.controller = controller;
        this.namespaces = namespaces;
        this.events = events;
        this.failure = failure;
        aborted = new long[controller.pairs().last() + 1][0];
    }

    /// Goes on counting where the generation before stopped.
    void restore(ControllerState saved) {
        resets = saved.resets();
        adoptedAt = controller.clock().now();
    }

    /// How many queues of the generation before nobody asked for.
    int unclaimed() {
        return unclaimed;
    }

    /// How often the controller was reset.
    long resets() {
        return resets;
    }

    @Override
    public int doWork() throws InterruptedException {
        controller.clock().tick();
        Phase phase = controller.phase();
        if (phase == Phase.GONE || phase == Phase.FAILED || phase == Phase.STOPPED) {
            return 0;
        }
        if (phase == Phase.DISABLING && System.nanoTime() - stepBegan < controller.silentNanos()) {
            return 0;
        }
        if (!controller.admin().lock.tryLock(LOCK_MILLIS, TimeUnit.MILLISECONDS)) {
            // Somebody waits for an admin command; if the controller is gone, that ends the wait.
            return checkPresence();
        }
        try {
            int csts = controller.status();
            controller.clock().answered();
            return switch (controller.phase()) {
                case RUNNING -> look(csts);
                case DISABLING -> awaitDisabled(csts);
                case ENABLING -> awaitReady(csts);
                default -> 0;
            };
        } catch (DeviceGoneException e) {
            vanished(e);
            return 1;
        } catch (DeviceTimeoutException e) {
            controller.clock().stalled(e);
            return 0;
        } finally {
            controller.admin().lock.unlock();
        }
    }

    private int checkPresence() {
        try {
            if (!controller.hal().isPresent()) {
                controller.gone("it was unplugged");
            }
            controller.status();
        } catch (DeviceGoneException e) {
            vanished(e);
        } catch (DeviceTimeoutException e) {
            controller.clock().stalled(e);
        }
        return 0;
    }

    // ---- RUNNING

    private int look(int csts) {
        if (!controller.hal().isPresent()) {
            throw new DeviceGoneException(controller.name() + ": it was unplugged");
        }
        if (CSTS.CFS.isSet(csts)) {
            controller.fault("fatal status, CSTS=%08x".formatted(csts));
        } else if (!CSTS.RDY.isSet(csts)) {
            // Some buses answer 0 for what is not there; a version is never 0.
            int version = controller.registers().vs();
            if (version == 0 || version == NvmeRegisters.ALL_ONES) {
                throw new DeviceGoneException(controller.name() + ": registers read 0");
            }
            controller.fault("not ready any more, CSTS=%08x".formatted(csts));
        }
        int done = 0;
        if (controller.fault() == null) {
            done = handleEvents();
            checkTimeouts();
            closeUnclaimed();
        }
        controller.interrupts().rearm();
        String fault = controller.fault();
        if (fault != null) {
            attempts = 0;
            beginReset(fault);
            done++;
        }
        return done;
    }

    private void closeUnclaimed() {
        if (adoptedAt != 0
                && controller.fault() == null
                && controller.clock().now() - adoptedAt >= CLAIM_NANOS) {
            adoptedAt = 0;
            unclaimed = controller.pairs().closeUnclaimed();
            controller.pairs().freeLeftovers();
        }
    }

    private int handleEvents() {
        try {
            return events.process();
        } catch (DeviceGoneException | DeviceTimeoutException e) {
            throw e;
        } catch (DeviceException e) {
            LOG.warn("{}: event not handled: {}", controller.name(), e.getMessage());
            return 1;
        }
    }

    /// First Abort, then, when that did not end the command, a reset.
    private void checkTimeouts() {
        Settings settings = controller.settings();
        long limit = settings.ioTimeout().toNanos();
        long last = limit + settings.abortGrace().toNanos();
        for (int id = 1; id <= controller.pairs().last(); id++) {
            IoQueue queue = controller.pairs().queue(id);
            if (queue == null || queue.state() != QueueLife.OPEN) {
                continue;
            }
            Slots slots = queue.slots();
            for (int slot = 0; slot < slots.count(); slot++) {
                long stamp = slots.stamp(slot);
                // Before the second look at the stamp, which tells whether it is still its command.
                int commandId = slots.commandId(slot);
                long age = controller.clock().now() - stamp;
                if (stamp == 0
                        || age < limit
                        || queue.hasUntakenCompletion(slot)
                        || slots.stamp(slot) != stamp) {
                    continue;
                }
                if (age >= last) {
                    slots.expire(slot);
                    controller.fault(
                            "queue %d: command %04x not ended %d ms after it was sent"
                                    .formatted(id, commandId, age / 1_000_000));
                } else if (controller.fault() == null) {
                    abort(queue, slot, stamp, commandId);
                }
            }
        }
    }

    private void abort(IoQueue queue, int slot, long stamp, int commandId) {
        if (aborted[queue.id].length < queue.slots().count()) {
            aborted[queue.id] = Arrays.copyOf(aborted[queue.id], queue.slots().count());
        }
        if (aborted[queue.id][slot] == stamp) {
            return;
        }
        aborted[queue.id][slot] = stamp;
        LOG.warn(
                "{}: queue {}: command {} timed out, aborting it",
                controller.name(),
                queue.id,
                "%04x".formatted(commandId));
        try {
            controller.execute(
                    AdminCommand.abort(queue.id, commandId),
                    controller.settings().recoveryAdminTimeout());
        } catch (DeviceGoneException e) {
            throw e;
        } catch (NotSentException e) {
            aborted[queue.id][slot] = 0;
        } catch (DeviceException e) {
            LOG.warn("{}: abort failed: {}", controller.name(), e.getMessage());
            controller.fault("abort failed");
            expireAll();
        }
    }

    /// Marks all commands that are over their time, when a reset comes before their grace ends.
    private void expireAll() {
        long limit = controller.settings().ioTimeout().toNanos();
        for (int id = 1; id <= controller.pairs().last(); id++) {
            IoQueue queue = controller.pairs().queue(id);
            if (queue == null) {
                continue;
            }
            Slots slots = queue.slots();
            for (int slot = 0; slot < slots.count(); slot++) {
                long stamp = slots.stamp(slot);
                if (stamp != 0 && controller.clock().now() - stamp >= limit) {
                    slots.expire(slot);
                }
            }
        }
    }

    // ---- Reset

    private void beginReset(String reason) {
        LOG.warn("{}: resetting the controller: {}", controller.name(), reason);
        controller.phase(Phase.DISABLING);
        controller.clearFault();
        controller.pairs().freezeAll();
        stepBegan = System.nanoTime();
        resets++;
        controller.clearEnable();
    }

    private int awaitDisabled(int csts) {
        if (CSTS.RDY.isSet(csts)) {
            giveUpAfterTimeout("CSTS.RDY = 0");
            return 0;
        }
        // Confirmed: the controller touches no memory any more.
        controller.pairs().thawAll();
        controller.phase(Phase.ENABLING);
        stepBegan = System.nanoTime();
        controller.configureAndEnable();
        return 1;
    }

    private int awaitReady(int csts) {
        if (CSTS.CFS.isSet(csts)) {
            retry("fatal status while starting, CSTS=%08x".formatted(csts));
            return 1;
        }
        if (!CSTS.RDY.isSet(csts)) {
            if (isOver()) {
                retry("no CSTS.RDY = 1 after " + controller.capabilities().timeout());
            }
            return 0;
        }
        try {
            controller.setUp(controller.settings().recoveryAdminTimeout());
            events.enable(controller.settings().recoveryAdminTimeout());
            controller.clearFault();
            controller.phase(Phase.RUNNING);
            LOG.info("{}: running again", controller.name());
            controller.pairs().signalAll();
            namespaces.scan(controller.settings().recoveryAdminTimeout());
        } catch (DeviceGoneException e) {
            throw e;
        } catch (DeviceException e) {
            retry(String.valueOf(e.getMessage()));
        }
        return 1;
    }

    private boolean isOver() {
        return System.nanoTime() - stepBegan >= controller.capabilities().timeout().toNanos();
    }

    private void retry(String reason) {
        if (++attempts < MAX_ATTEMPTS) {
            beginReset(reason);
        } else {
            // The controller is disabled once more if it can be, so nothing is in flight.
            giveUp("does not come back after " + attempts + " resets: " + reason);
        }
    }

    private void giveUpAfterTimeout(String event) {
        if (isOver()) {
            giveUp(
                    "no %s after %s; %s"
                            .formatted(
                                    event,
                                    controller.capabilities().timeout(),
                                    controller.registers().dump()));
        }
    }

    /// Leaves it to the platform to reset the device. Requests whose queue was frozen stay in
    /// flight until the lease has ended and it is known whether that reset was confirmed.
    private void giveUp(String reason) {
        controller.phase(Phase.FAILED);
        DeviceException cause = new DeviceException(controller.name() + ": " + reason);
        LOG.error("{}: {}", controller.name(), reason);
        controller.pairs().loseAll();
        failure.accept(reason, cause);
    }

    /// The registers read as if nothing were there. As long as the platform has the device, it may
    /// come back and go on with what is in flight, so that only a reset ends that.
    private void vanished(DeviceGoneException e) {
        if (controller.hal().isPresent() && isReadable()) {
            giveUp(String.valueOf(e.getMessage()));
        } else {
            controller.gone(e.getMessage());
        }
    }

    private boolean isReadable() {
        try {
            int _ = controller.registers().csts();
            return true;
        } catch (DeviceException e) {
            LOG.debug("{}: not readable: {}", controller.name(), e.getMessage());
            return false;
        }
    }

    /// Ends what is in flight because the device is gone.
    void removed() {
        controller.gone("it was unplugged");
    }

    /// Ends what is in flight because the module stops.
    ///
    /// @param confirmed whether the controller confirmed that it touches no memory
    void stopped(boolean confirmed) {
        controller
                .pairs()
                .endAll(confirmed ? BlockStatus.GENERATION_GONE : BlockStatus.OUTCOME_UNKNOWN);
    }
}
