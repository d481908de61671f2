package helix.driver.block.nvme;

import helix.hal.api.DeviceException;
import helix.modules.api.ModuleError;
import java.time.Duration;
import java.util.Optional;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What one generation of the driver consists of, and how it begins and ends: brought up from a
/// reset, or taken over from the generation before while the controller works.
///
/// @param controller the controller
/// @param namespaces what is published
/// @param plainCalls the calls that wait
/// @param events what the controller reports by itself
/// @param watch what looks after it
record Generation(
        Controller controller,
        Namespaces namespaces,
        PlainCalls plainCalls,
        AsyncEvents events,
        Watch watch) {
    private static final Logger LOG = LoggerFactory.getLogger(Generation.class);
    private static final Duration PLAIN_CALL_LIMIT = Duration.ofSeconds(1);

    private static Generation of(
            Controller controller, BiConsumer<String, DeviceException> failure) {
        PlainCalls plainCalls = new PlainCalls(controller);
        Namespaces namespaces = new Namespaces(controller, plainCalls);
        AsyncEvents events = new AsyncEvents(controller, namespaces);
        Watch watch = new Watch(controller, namespaces, events, failure);
        return new Generation(controller, namespaces, plainCalls, events, watch);
    }

    /// Resets the controller, brings it up, and looks at its namespaces.
    ///
    /// @param failure told when the controller cannot be brought back later
    static Generation bringUp(
            Hal hal, Settings settings, BiConsumer<String, DeviceException> failure) {
        Controller controller = new Controller(hal, settings);
        controller.initialize();
        Generation generation = of(controller, failure);
        generation.namespaces.scan(settings.adminTimeout());
        return generation;
    }

    /// Takes over a controller at work. No register is accessed.
    ///
    /// @param failure told when the controller cannot be brought back later
    /// @throws ModuleError if the state does not fit this code or this device
    static Generation takeOver(
            Hal hal,
            Settings settings,
            ControllerState saved,
            BiConsumer<String, DeviceException> failure) {
        try {
            Controller controller = new Controller(hal, settings, saved);
            Generation generation = of(controller, failure);
            Namespaces namespaces = generation.namespaces;
            namespaces.restore(saved.namespaces());
            for (QueueState queue : saved.queues()) {
                controller.pairs().adopt(queue, namespaces.require(queue.nsid()));
            }
            controller.pairs().restoreLeftovers(saved.leftovers());
            generation.plainCalls.restore(saved.plain());
            generation.watch.restore(saved);
            return generation;
        } catch (DeviceException e) {
            throw new ModuleError(hal.name() + ": cannot be taken over: " + e.getMessage(), e);
        }
    }

    /// Leaves the controller to the next generation, while clients are parked and the watch is out.
    /// What clients cannot take along ends. After that nothing of this generation touches registers
    /// or rings any more.
    ///
    /// @return what the next generation needs; empty if the controller must be reset instead
    Optional<ControllerState> handOver() {
        if (!controller.isSound() || controller.pairs().isSingle()) {
            return refuse("its state is " + controller.phase());
        }
        if (!plainCalls.pause(PLAIN_CALL_LIMIT)) {
            return refuse("a call has not ended");
        }
        try {
            controller.admin().lock.lock();
            try {
                if (!controller.pairs().prepareToPass(plainCalls.pair()) || !controller.isSound()) {
                    return refuse("its queues are not settled");
                }
                ControllerState state = save();
                if (!controller.passOn()) {
                    return refuse("its state is " + controller.phase());
                }
                controller.pairs().passOn();
                return Optional.of(state);
            } finally {
                controller.admin().lock.unlock();
            }
        } finally {
            plainCalls.resume();
        }
    }

    private Optional<ControllerState> refuse(String why) {
        LOG.info("{}: cannot be handed over as it is: {}", controller.name(), why);
        return Optional.empty();
    }

    private ControllerState save() {
        ShadowDoorbells shadow = controller.shadowDoorbells();
        return new ControllerState(
                controller.cap(),
                controller.version(),
                controller.identity().bytes(),
                controller.writeZeroesLimit(),
                controller.grantedPairs(),
                controller.interrupts().count(),
                shadow == null ? 0 : shadow.shadowAddress(),
                shadow == null ? 0 : shadow.eventIndexAddress(),
                controller.clock().stalledNanos(),
                watch.resets(),
                controller.admin().save(),
                namespaces.save(),
                plainCalls.save(),
                controller.pairs().save(),
                controller.pairs().leftovers());
    }
}
