package helix.hal.sim;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.machine.MachineControl;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.ModelFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Plugs and unplugs models by kind, and produces faults: the machine's own, and those that models
/// declare.
final class SimControl implements MachineControl {
    private static final Duration UNPLUG_LIMIT = Duration.ofSeconds(10);
    private static final long POLL_NANOS = 1_000_000;
    private static final String ID = "id";
    private static final Logger LOG = LoggerFactory.getLogger(SimControl.class);

    private final SimMachine machine;
    private final SimBoard board;
    private final Supplier<? extends Collection<ModelFactory>> factories;

    SimControl(
            SimMachine machine,
            SimBoard board,
            Supplier<? extends Collection<ModelFactory>> factories) {
        this.machine = machine;
        this.board = board;
        this.factories = factories;
    }

    @Override
    public String machine() {
        return SimMachine.NAME;
    }

    @Override
    public List<Choice> pluggable() {
        return factories.get().stream().map(f -> new Choice(f.kind(), f.description())).toList();
    }

    @Override
    public List<String> plugged() {
        return board.idsInSlots();
    }

    @Override
    public String plug(String kind, Map<String, String> options) {
        ModelFactory factory = factory(kind);
        Map<String, String> settings = new HashMap<>(options);
        String given = settings.remove(ID);
        String id = given == null ? freeId() : given;
        DeviceModel model = factory.create(id, Map.copyOf(settings));
        try {
            machine.plug(id, model);
        } catch (RuntimeException e) {
            closeQuietly(id, model);
            throw e;
        }
        LOG.info("{} was plugged in", id);
        return id;
    }

    /// Plugs something in before the machine is anybody's.
    void plug(String kind, String id, boolean intoSlot, Map<String, String> options) {
        DeviceModel model = factory(kind).create(id, options);
        try {
            if (intoSlot) {
                board.insert(id, model, false);
            } else {
                board.addToBus(id, model);
            }
        } catch (RuntimeException e) {
            closeQuietly(id, model);
            throw e;
        }
    }

    private ModelFactory factory(String kind) {
        return factories.get().stream()
                .filter(f -> f.kind().equals(kind))
                .findFirst()
                .orElseThrow(() ->
                        new DeviceException(
                                "'" + kind + "' cannot be plugged; there is: " + kinds()));
    }

    private Set<String> kinds() {
        Set<String> kinds = new TreeSet<>();
        factories.get().forEach(f -> kinds.add(f.kind()));
        return kinds;
    }

    private String freeId() {
        Set<String> taken = new HashSet<>(board.ids());
        int n = 0;
        while (taken.contains("plug" + n)) {
            n++;
        }
        return "plug" + n;
    }

    private static void closeQuietly(String id, DeviceModel model) {
        try {
            model.close();
        } catch (Exception e) {
            LOG.warn("the model of {} was not closed", id, e);
        }
    }

    /// Presses the slot's button and waits until whoever watches the slot has switched it off.
    @Override
    public void unplug(String id) {
        RootPort port = board.port(id);
        if (port == null) {
            throw new DeviceException(
                    "'%s' is in no slot; there is: %s".formatted(id, board.idsInSlots()));
        }
        if (port.hasPower()) {
            port.press();
            machine.pciChanged();
            Deadline deadline = Deadline.after(UNPLUG_LIMIT);
            while (port.hasPower()) {
                if (deadline.isExpired()) {
                    throw new DeviceTimeoutException(
                            "%s was not let go: its slot was not powered off within %d s"
                                    .formatted(id, UNPLUG_LIMIT.toSeconds()));
                }
                LockSupport.parkNanos(POLL_NANOS);
            }
        }
        machine.pull(id);
        LOG.info("{} was unplugged", id);
    }

    @Override
    public List<Choice> faults() {
        List<Choice> all = new ArrayList<>(MachineFaults.CHOICES);
        for (String id : board.ids()) {
            for (Choice fault : board.function(id).model().faults()) {
                all.add(new Choice(fault.name(), "id=" + id + ": " + fault.description()));
            }
        }
        return all;
    }

    @Override
    public String fault(String name, Map<String, String> options) {
        Map<String, String> settings = new HashMap<>(options);
        String id = settings.remove(ID);
        if (id == null) {
            throw new DeviceException("id= of a device is needed; there is: " + board.ids());
        }
        SimFunction function = board.function(id);
        DeviceModel model = function.model();
        boolean ofModel = model.faults().stream().anyMatch(f -> f.name().equals(name));
        boolean ofMachine = MachineFaults.CHOICES.stream().anyMatch(f -> f.name().equals(name));
        if (!ofModel && !ofMachine) {
            throw new DeviceException(
                    "%s has no fault '%s'; there is: %s"
                            .formatted(id, name, faults().stream().map(Choice::name).toList()));
        }
        String said = ofMachine ? MachineFaults.produce(machine, id, name, settings) : "";
        if (ofModel) {
            said =
                    function.locked(_ -> {
                        // Whoever pulls it out closes the model after this, or has said so before.
                        if (function.isGone()) {
                            throw new DeviceGoneException(id + " is gone");
                        }
                        return model.fault(name, Map.copyOf(settings));
                    });
            function.wake();
        }
        return said;
    }
}
