package helix.hal.sim;

import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.FunctionShape;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What is plugged where, and the threads of functions. Thread-safe; holds no lock while models are
/// called.
final class SimBoard implements AutoCloseable {
    /// Devices on the root bus have numbers from this on, as in the machine of QEMU's.
    private static final int FIRST_DEVICE = 4;

    private static final int FIRST_PORT = 24;
    private static final int MOST_PORTS = 8;
    private static final Pattern ID = Pattern.compile("[A-Za-z][A-Za-z0-9_-]{0,31}");

    private final RootComplex complex;
    private final SimFunction.Platform platform;
    private final Function<String, FunctionDma> memory;
    private final long seed;
    private final boolean stepped;
    private final SplittableRandom order;
    private final List<RootPort> ports = new ArrayList<>();

    /// Guarded by this.
    private final Map<String, Place> places = new LinkedHashMap<>();

    /// What is being plugged, whose models are called without this. Guarded by this.
    private final Map<String, Spot> coming = new HashMap<>();

    /// Guarded by this.
    private boolean closed;

    /// Where something may be plugged.
    ///
    /// @param port null for the root bus
    private record Spot(int device, @Nullable RootPort port) {}

    /// Something plugged.
    ///
    /// @param port null for the root bus
    private record Place(
            SimFunction function,
            int device,
            @Nullable RootPort port,
            @Nullable FunctionThread thread) {}

    SimBoard(
            RootComplex complex,
            SimFunction.Platform platform,
            Function<String, FunctionDma> memory,
            long seed,
            boolean stepped,
            int rootPorts) {
        this.complex = complex;
        this.platform = platform;
        this.memory = memory;
        this.seed = seed;
        this.stepped = stepped;
        this.order = new SplittableRandom(seed);
        if (rootPorts < 0 || rootPorts > MOST_PORTS) {
            throw new DeviceException("root ports: 0 to " + MOST_PORTS + ", not " + rootPorts);
        }
        for (int i = 0; i < rootPorts; i++) {
            RootPort port = new RootPort("hp" + i, FIRST_PORT + i, i + 1, complex::route);
            ports.add(port);
            boolean _ = complex.add(port.device(), port);
        }
    }

    /// Puts a device on the root bus. If this throws, the model is still the caller's.
    void addToBus(String id, DeviceModel model) {
        plug(id, model, spotOnBus(id), false);
    }

    /// Puts a device into the first free slot. If this throws, the model is still the caller's.
    ///
    /// @param announced whether the slot reports a change
    void insert(String id, DeviceModel model, boolean announced) {
        plug(id, model, spotInSlot(id), announced);
    }

    private synchronized Spot spotOnBus(String id) {
        requireFree(id);
        for (int device = FIRST_DEVICE; device < FIRST_PORT; device++) {
            Spot spot = new Spot(device, null);
            if (complex.at(0, device << 3) == null && !coming.containsValue(spot)) {
                coming.put(id, spot);
                return spot;
            }
        }
        throw new DeviceException("no place on the root bus is free for " + id);
    }

    private synchronized Spot spotInSlot(String id) {
        requireFree(id);
        for (RootPort port : ports) {
            Spot spot = new Spot(port.device(), port);
            if (port.occupant() == null && !coming.containsValue(spot)) {
                coming.put(id, spot);
                return spot;
            }
        }
        throw new DeviceException("no slot is free; machine sim has " + ports.size());
    }

    private void plug(String id, DeviceModel model, Spot spot, boolean announced) {
        try {
            SimFunction function = function(id, model, spot.device, spot.port != null);
            if (spot.port == null) {
                boolean _ = complex.add(spot.device, function);
            }
            function.powerOn();
            if (function.isGone()) {
                throw new DeviceException("the model of " + id + " failed when it was given power");
            }
            if (spot.port != null) {
                spot.port.insert(function, announced);
            }
            start(id, function, spot);
        } finally {
            synchronized (this) {
                coming.remove(id);
            }
        }
    }

    private void requireFree(String id) {
        if (closed) {
            throw new DeviceGoneException("the machine is switched off; no place for " + id);
        }
        if (!ID.matcher(id).matches()) {
            throw new DeviceException("id '" + id + "' is no name of letters, digits, - and _");
        }
        if (places.containsKey(id) || coming.containsKey(id)) {
            throw new DeviceException("'" + id + "' is plugged already");
        }
    }

    private SimFunction function(String id, DeviceModel model, int device, boolean behindPort) {
        FunctionShape shape = model.shape();
        // Behind a port the device number is 0, so that swizzling leaves the pin alone.
        int line = SimLines.of(device, Math.max(1, shape.pin()));
        return new SimFunction(id, model, shape, platform, memory, line, behindPort, seed);
    }

    private void start(String id, SimFunction function, Spot spot) {
        FunctionThread thread = stepped ? null : new FunctionThread(function);
        synchronized (this) {
            if (!closed) {
                places.put(id, new Place(function, spot.device, spot.port, thread));
                if (thread != null) {
                    thread.start();
                }
                return;
            }
        }
        boolean _ = function.takeOff();
        leave(function, spot.port);
        throw new DeviceGoneException(
                "the machine was switched off while " + id + " was plugged in");
    }

    /// Its device number on the root bus, or that of the port above.
    synchronized int device(String id) {
        return place(id).device;
    }

    synchronized SimFunction function(String id) {
        return place(id).function;
    }

    private Place place(String id) {
        Place place = places.get(id);
        if (place == null) {
            throw new DeviceException("'" + id + "' is not plugged; there is: " + places.keySet());
        }
        return place;
    }

    /// The slot that a device is in, null if it is on the root bus.
    synchronized @Nullable RootPort port(String id) {
        return place(id).port;
    }

    synchronized List<String> ids() {
        return List.copyOf(places.keySet());
    }

    synchronized List<String> idsInSlots() {
        return places.entrySet().stream()
                .filter(e -> e.getValue().port != null)
                .map(Map.Entry::getKey)
                .toList();
    }

    /// Takes a device out.
    void pull(String id) {
        Place place;
        synchronized (this) {
            place = place(id);
            places.remove(id);
        }
        end(place);
    }

    private void end(Place place) {
        try {
            place.function.pull();
        } finally {
            leave(place.function, place.port);
            if (place.thread != null) {
                place.thread.close();
            }
        }
    }

    private void leave(SimFunction function, @Nullable RootPort port) {
        if (port == null) {
            complex.remove(function);
        } else {
            port.remove(function);
        }
    }

    /// A function's model threw something: the function is as good as pulled out, and its id still
    /// says so. Its lock is held.
    void failed(SimFunction function) {
        complex.remove(function);
        for (RootPort port : ports) {
            port.remove(function);
        }
    }

    /// A function's supply failed or is back; its lock is held.
    void supplied(SimFunction function, boolean on) {
        for (RootPort port : ports) {
            port.supplied(function, on);
        }
    }

    /// How long function threads have worked; those of devices that were pulled out are forgotten.
    synchronized long busyNanos() {
        return places.values().stream()
                .map(Place::thread)
                .filter(Objects::nonNull)
                .mapToLong(FunctionThread::busyNanos)
                .sum();
    }

    private synchronized List<SimFunction> functions() {
        return new ArrayList<>(places.values().stream().map(Place::function).toList());
    }

    /// Lets each function work once.
    int step() {
        List<SimFunction> all = functions();
        int done = 0;
        while (!all.isEmpty()) {
            int next;
            synchronized (order) {
                next = order.nextInt(all.size());
            }
            done += all.remove(next).tick(false);
        }
        return done;
    }

    boolean isAnyWanted() {
        return functions().stream().anyMatch(SimFunction::isWanted);
    }

    @Override
    public void close() {
        List<Place> all;
        synchronized (this) {
            closed = true;
            all = List.copyOf(places.values());
            places.clear();
        }
        for (Place place : all.reversed()) {
            try {
                end(place);
            } catch (Throwable e) {
                // The others end all the same.
                platform.reports().failure(place.function.id(), e);
            }
        }
    }
}
