package helix.integration.fuzz;

import helix.hal.api.ChildDevice;
import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.hal.api.DeviceException;
import helix.hal.api.Lease;
import helix.hal.api.PciDevice;
import helix.hal.api.lease.LeaseService.Release;
import helix.hal.api.machine.Machine;
import helix.hal.internal.Hal;
import helix.hal.internal.irq.Irqs;
import helix.hal.internal.lease.Leases;
import helix.hal.internal.service.Dma;
import helix.hal.internal.service.Mmio;
import helix.hal.internal.service.PciConfig;
import helix.hal.internal.service.PortIo;
import helix.hal.sim.SimMachine;
import helix.hal.sim.api.DeviceModel;
import helix.modules.api.Agent;
import helix.modules.api.Idle;
import helix.modules.api.Module;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleInfo;
import helix.modules.api.ModuleVersion;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceRegistration;

/// The embedded machine with one device, the real HAL over it, and generations of the driver: all
/// but the framework.
final class FuzzRig implements AutoCloseable {
    static final String ID = "fuzzed";
    private static final long MEMORY = 64L << 20;
    private static final int BRIDGES = 0x06;
    private static final long FOUND_NANOS = 2_000_000_000L;

    private final SimMachine machine;
    private final Leases leases = new Leases();
    private final Irqs irqs = new Irqs();
    private final PciConfig pci = new PciConfig(leases);
    private final Mmio mmio = new Mmio();
    private final Dma dma = new Dma();
    private final List<Object> services = new CopyOnWriteArrayList<>();
    private final Hal hal;

    FuzzRig(DeviceModel model, long seed) {
        machine =
                SimMachine.builder()
                        .seed(seed)
                        .threaded()
                        .memory(MEMORY)
                        .rootPorts(0)
                        .plug(ID, model)
                        .build();
        hal = new Hal(context(), leases, irqs, pci, mmio, dma, new PortIo());
        component("addMachine", machine);
    }

    /// Calls the HAL as Declarative Services does.
    private void component(String method, Machine argument) {
        try {
            Method target = Hal.class.getDeclaredMethod(method, Machine.class);
            target.setAccessible(true);
            target.invoke(hal, argument);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("Hal." + method, e);
        }
    }

    private BundleContext context() {
        return (BundleContext)
                Proxy.newProxyInstance(
                        FuzzRig.class.getClassLoader(),
                        new Class<?>[] {BundleContext.class},
                        (_, method, arguments) -> {
                            if (!method.getName().equals("registerService")) {
                                throw new UnsupportedOperationException(method.toString());
                            }
                            services.add(arguments[1]);
                            return registration(arguments[1]);
                        });
    }

    private ServiceRegistration<?> registration(Object service) {
        return (ServiceRegistration<?>)
                Proxy.newProxyInstance(
                        FuzzRig.class.getClassLoader(),
                        new Class<?>[] {ServiceRegistration.class},
                        (proxy, method, arguments) ->
                                switch (method.getName()) {
                                    case "unregister" -> {
                                        boolean _ = services.remove(service);
                                        yield null;
                                    }
                                    case "hashCode" -> System.identityHashCode(proxy);
                                    case "equals" -> proxy == arguments[0];
                                    default ->
                                            throw new UnsupportedOperationException(
                                                    method.toString());
                                });
    }

    SimMachine machine() {
        return machine;
    }

    /// The device, once the HAL has found it: one that lost its power comes back as another.
    PciDevice device() {
        long end = System.nanoTime() + FOUND_NANOS;
        while (System.nanoTime() - end < 0) {
            var found = find();
            if (found.isPresent()) {
                return found.get();
            }
            LockSupport.parkNanos(100_000);
        }
        throw new DeviceException("the HAL found no device");
    }

    /// The device that the HAL knows at present.
    Optional<PciDevice> find() {
        return services.stream()
                .filter(PciDevice.class::isInstance)
                .map(PciDevice.class::cast)
                .filter(d -> d.classCode() >>> 16 != BRIDGES)
                .findFirst();
    }

    Mmio mmio() {
        return mmio;
    }

    Irqs irqs() {
        return irqs;
    }

    Dma dma() {
        return dma;
    }

    PciConfig pci() {
        return pci;
    }

    /// A generation of a driver with a lease of its own, not yet initialised.
    Life begin(Device of, Module driver) {
        return new Life(of, driver);
    }

    /// A generation.
    final class Life implements ModuleContext {
        private final Device of;
        private final Lease lease;
        private final Module driver;
        private final List<Object> published = new CopyOnWriteArrayList<>();
        private final List<Thread> threads = new CopyOnWriteArrayList<>();
        private final List<Throwable> escaped = new CopyOnWriteArrayList<>();
        private volatile boolean ended;
        private volatile boolean failed;

        private Life(Device of, Module driver) {
            this.of = of;
            this.driver = driver;
            lease =
                    of instanceof ChildDevice child
                            ? leases.grantChild(child.parent(), of, "fuzz", child::reset)
                            : leases.grant(of, "fuzz");
        }

        void bringUp() throws Exception {
            driver.init(this);
            driver.start();
        }

        void stop() throws Exception {
            driver.stop();
        }

        /// What was published of a kind, at most one.
        <T> Optional<T> published(Class<T> kind) {
            return published.stream().filter(kind::isInstance).map(kind::cast).findFirst();
        }

        boolean hasFailed() {
            return failed;
        }

        /// What agents threw that is no device error.
        List<Throwable> escaped() {
            return escaped;
        }

        /// Fences, resets and takes everything back, whatever the driver does.
        Release end(Duration limit) {
            ended = true;
            threads.forEach(LockSupport::unpark);
            return leases.release(lease, Deadline.after(limit));
        }

        @Override
        public Device device() {
            return of;
        }

        @Override
        public Lease lease() {
            return lease;
        }

        @Override
        public boolean takesOver() {
            return false;
        }

        @Override
        public int unit() {
            return 0;
        }

        @Override
        public String name() {
            return "fuzzed";
        }

        @Override
        public ModuleInfo describe() {
            return new ModuleInfo("fuzzed", "", new ModuleVersion(0, 1, 0, ""), Set.of());
        }

        @Override
        public <T> Registration publish(Class<T> type, T service, Map<String, ?> properties) {
            published.add(service);
            return () -> {
                boolean _ = published.remove(service);
            };
        }

        @Override
        public AgentHandle agent(String name, Agent agent, Idle idle) {
            Thread thread = Thread.ofPlatform().daemon().name(name).start(() -> run(agent, idle));
            threads.add(thread);
            return new AgentHandle() {
                @Override
                public void wakeUp() {
                    LockSupport.unpark(thread);
                }

                @Override
                public void close() {
                    threads.remove(thread);
                }
            };
        }

        private void run(Agent agent, Idle idle) {
            try {
                while (!ended) {
                    if (agent.doWork() == 0) {
                        LockSupport.parkNanos(idle.pause().toNanos());
                    }
                }
            } catch (DeviceException e) {
                fail("agent", e);
            } catch (Exception | Error e) {
                if (!ended) {
                    escaped.add(e);
                }
            }
        }

        @Override
        public void fail(String reason, Throwable cause) {
            failed = true;
        }
    }

    @Override
    public void close() {
        component("removeMachine", machine);
        machine.close();
    }
}
