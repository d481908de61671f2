package helix.hal.sim;

import helix.hal.api.DeviceException;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.FunctionShape;
import java.util.ArrayList;
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

    /// Puts a device on the root bus.
    synchronized void addToBus(String id, DeviceModel model) {
        requireFree(id);
        for (int device = FIRST_DEVICE; device < FIRST_PORT; device++) {
            if (complex.at(0, device << 3) == null) {
                SimFunction function = function(id, model, device, false);
                boolean _ = complex.add(device, function);
                function.powerOn();
                start(id, function, device, null);
                return;
            }
        }
        throw new DeviceException("no place on the root bus is free for " + id);
    }

    /// Puts a device into the first free slot.
    ///
    /// @param announced whether the slot reports a change
    synchronized void insert(String id, DeviceModel model, boolean announced) {
        requireFree(id);
        RootPort port =
                ports.stream()
                        .filter(p -> p.occupant() == null)
                        .findFirst()
                        .orElseThrow(() ->
                                new DeviceException(
                                        "no slot is free; machine sim has " + ports.size()));
        SimFunction function = function(id, model, port.device(), true);
        function.powerOn();
        port.insert(function, announced);
        start(id, function, port.device(), port);
    }

    private void requireFree(String id) {
        if (!ID.matcher(id).matches()) {
            throw new DeviceException("id '" + id + "' is no name of letters, digits, - and _");
        }
        if (places.containsKey(id)) {
            throw new DeviceException("'" + id + "' is plugged already");
        }
    }

    private SimFunction function(String id, DeviceModel model, int device, boolean behindPort) {
        FunctionShape shape = model.shape();
        // Behind a port the device number is 0, so that swizzling leaves the pin alone.
        int line = SimLines.of(device, Math.max(1, shape.pin()));
        return new SimFunction(id, model, shape, platform, memory, line, behindPort, seed);
    }

    private void start(String id, SimFunction function, int device, @Nullable RootPort port) {
        FunctionThread thread = stepped ? null : new FunctionThread(function);
        places.put(id, new Place(function, device, port, thread));
        if (thread != null) {
            thread.start();
        }
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
        place.function.pull();
        if (place.port == null) {
            complex.remove(place.function);
        } else {
            place.port.remove(place.function);
        }
        if (place.thread != null) {
            place.thread.close();
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
            all = List.copyOf(places.values());
            places.clear();
        }
        all.reversed().forEach(this::end);
    }
}
