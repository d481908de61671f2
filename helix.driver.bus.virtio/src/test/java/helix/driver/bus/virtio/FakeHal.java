package helix.driver.bus.virtio;

import helix.hal.api.Device;
import helix.hal.api.Lease;
import helix.hal.api.MmioRegion;
import helix.hal.api.MmioService;
import helix.hal.api.PciService;
import helix.modules.api.Agent;
import helix.modules.api.Idle;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// The HAL and the platform for one function.
final class FakeHal implements MmioService, PciService, ModuleContext {
    static final long BASE = 0x1_0000_0000L;

    final FakeFunction function;
    final FakeRegisters registers = new FakeRegisters();
    final FakeLease lease;
    final List<Object> published = new ArrayList<>();
    final List<Map<String, ?>> properties = new ArrayList<>();

    FakeHal(FakeFunction function) {
        this.function = function;
        this.lease = new FakeLease(function, "virtio-pci gen 1");
    }

    /// A lease that ends when a test says so.
    static final class FakeLease implements Lease {
        private final Device device;
        private final String owner;
        volatile State state = State.VALID;

        FakeLease(Device device, String owner) {
            this.device = device;
            this.owner = owner;
        }

        @Override
        public Device device() {
            return device;
        }

        @Override
        public String owner() {
            return owner;
        }

        @Override
        public long epoch() {
            return 1;
        }

        @Override
        public State state() {
            return state;
        }
    }

    @Override
    public MmioRegion map(Lease of, int bar) {
        long size = function.bars().stream().filter(b -> b.index() == bar).findFirst().get().size();
        return MmioRegion.ofAccess(of.owner(), of, registers, BASE, size);
    }

    @Override
    public void busMaster(Lease of, boolean enabled) {
        registers.log.add("busMaster " + enabled);
    }

    @Override
    public void writeConfig8(Lease of, int offset, int value) {
        throw new AssertionError("the driver MUST NOT write into the capability structure");
    }

    @Override
    public void writeConfig16(Lease of, int offset, int value) {
        throw new AssertionError("the driver MUST NOT write into the capability structure");
    }

    @Override
    public void writeConfig32(Lease of, int offset, int value) {
        throw new AssertionError("the driver MUST NOT write into the capability structure");
    }

    @Override
    public Device device() {
        return function;
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
        return "vpci0";
    }

    @Override
    public ModuleInfo describe() {
        throw new UnsupportedOperationException();
    }

    @Override
    public <T> Registration publish(Class<T> type, T service, Map<String, ?> given) {
        published.add(service);
        properties.add(given);
        return () -> {};
    }

    @Override
    public AgentHandle agent(String name, Agent agent, Idle idle) {
        throw new AssertionError("no agent is wanted");
    }

    @Override
    public void fail(String reason, Throwable cause) {
        throw new AssertionError(reason, cause);
    }
}
