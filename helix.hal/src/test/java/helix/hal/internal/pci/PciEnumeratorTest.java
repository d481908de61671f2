package helix.hal.internal.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.PciBar;
import helix.hal.api.PciCapability;
import helix.hal.api.machine.PciHost.Window;
import helix.hal.internal.device.MachineContext;
import helix.hal.internal.fake.FakeFunction;
import helix.hal.internal.fake.FakeMachine;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PciEnumeratorTest {
    private static final int IO = 1;
    private static final int MEMORY32 = 0;
    private static final int MEMORY64 = 4;
    private static final int PREFETCHABLE64 = 12;

    private final FakeMachine machine = new FakeMachine("fake");

    @AfterEach
    void close() {
        machine.close();
    }

    private PciBus enumerate() {
        return new PciEnumerator(new MachineContext(machine, 0), machine).enumerate();
    }

    private static FakeFunction nvme() {
        return new FakeFunction(0x1B36, 0x0010, 0x010802).bar(0, 0x4000, MEMORY64);
    }

    private static PciFunction at(PciBus root, String address) {
        return root.all().stream()
                .filter(f -> f.id().equals(address))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + address + " in " + root.all()));
    }

    @Test
    void functionsAreFoundByDeviceAndFunctionNumber() {
        machine.with(0x20, nvme())
                .with(0x28, nvme().multiFunction())
                .with(0x2A, nvme())
                .with(0x33, nvme());
        assertThat(enumerate().all())
                .extracting(PciFunction::id)
                .containsExactly("0000:00:04.0", "0000:00:05.0", "0000:00:05.2");
    }

    @Test
    void barsAreSizedAndGetAddressesOfTheirKind() {
        machine.with(
                0x20,
                new FakeFunction(0x1234, 1, 0x020000)
                        .bar(0, 0x20, IO)
                        .bar(1, 0x1000, MEMORY32)
                        .bar(2, 0x10_0000, PREFETCHABLE64)
                        .bar(4, 1L << 33, MEMORY64));
        List<PciBar> bars = at(enumerate(), "0000:00:04.0").bars();
        assertThat(bars)
                .containsExactly(
                        new PciBar(0, PciBar.Kind.IO, false, 0x1000, 0x20),
                        new PciBar(1, PciBar.Kind.MEMORY32, false, 0xC000_0000L, 0x1000),
                        new PciBar(2, PciBar.Kind.MEMORY64, true, 0xA_0000_0000L, 0x10_0000),
                        new PciBar(4, PciBar.Kind.MEMORY64, false, 1L << 35, 1L << 33));
    }

    @Test
    void aBarThatFitsNowhereHasNoAddress() {
        machine.windows(new Window(PciBar.Kind.MEMORY32, 0xC000_0000L, 0x10_0000))
                .with(0x20, new FakeFunction(0x1234, 1, 0).bar(0, 0x100_0000, MEMORY32))
                .with(0x28, nvme());
        PciBus root = enumerate();
        PciFunction large = at(root, "0000:00:04.0");
        assertThat(large.bars().getFirst().address()).isZero();
        assertThatThrownBy(() -> large.bar(0)).hasMessageContaining("has no address");
        // Without a window above 4 GiB a 64-bit register goes below.
        assertThat(at(root, "0000:00:05.0").bar(0).address()).isEqualTo(0xC000_0000L);
    }

    @Test
    void busesBehindBridgesAreNumberedAndReached() {
        FakeFunction inner = FakeFunction.bridge().behind(0x08, nvme());
        machine.with(0x10, FakeFunction.bridge().behind(0x18, inner).behind(0x20, nvme()))
                .with(0x18, FakeFunction.slot())
                .with(0x20, FakeFunction.bridge().behind(0, nvme()));
        PciBus root = enumerate();
        assertThat(root.all())
                .extracting(PciFunction::id)
                .containsExactly(
                        "0000:00:02.0",
                        "0000:00:03.0",
                        "0000:00:04.0",
                        "0000:01:03.0",
                        "0000:01:04.0",
                        "0000:02:01.0",
                        // Bus 3 is the slot's, 4 its spare one.
                        "0000:05:00.0");
        for (PciFunction f : root.all()) {
            if (!f.isBridge()) {
                f.enableDecode(PciBar.Kind.MEMORY64);
                long address = f.bar(0).address();
                // The fake routes by bridge windows, and fails where nothing decodes.
                machine.memory().write32(address + 8, 0x77);
                assertThat(machine.memory().read32(address + 8)).isEqualTo(0x77);
                assertThat(address).isLessThan(1L << 32);
            }
        }
    }

    @Test
    void prefetchableRegistersBehindABridgeAreHigh() {
        FakeFunction gpu = new FakeFunction(0x1234, 2, 0x030000).bar(0, 1 << 28, PREFETCHABLE64);
        machine.with(0x10, FakeFunction.bridge().behind(0, gpu));
        PciFunction found = at(enumerate(), "0000:01:00.0");
        assertThat(found.bar(0).address()).isEqualTo(FakeMachine.HIGH_BASE);
        found.enableDecode(PciBar.Kind.MEMORY64);
        machine.memory().write32(found.bar(0).address(), 1);
    }

    @Test
    void whatFirmwareAssignedAndEnabledStays() {
        FakeFunction kept = nvme().config(0x10, 0xC000_4004);
        kept.config(0x04, 0x0006);
        machine.with(0x20, kept)
                .with(0x28, nvme())
                .windows(new Window(PciBar.Kind.MEMORY32, 0xC000_0000L, 0x10000));
        PciBus root = enumerate();
        assertThat(at(root, "0000:00:04.0").bar(0).address()).isEqualTo(0xC000_4000L);
        assertThat(at(root, "0000:00:05.0").bar(0).address()).isEqualTo(0xC000_0000L);
        // Nobody drives it yet: bus mastering is off, decoding stays.
        assertThat(kept.command()).isEqualTo(0x0402);
    }

    @Test
    void aSecondEnumerationChangesNothing() {
        machine.with(0x10, FakeFunction.slot().behind(0, nvme())).with(0x20, nvme());
        PciBus first = enumerate();
        first.all().forEach(f -> f.enableDecode(PciBar.Kind.MEMORY64));
        PciBus second = enumerate();
        assertThat(second.all())
                .extracting(PciFunction::id)
                .isEqualTo(first.all().stream().map(PciFunction::id).toList());
        assertThat(second.all())
                .extracting(PciFunction::bars)
                .isEqualTo(first.all().stream().map(PciFunction::bars).toList());
    }

    @Test
    void reservedFunctionsAreLeftAlone() {
        FakeFunction own = new FakeFunction(0x1AF4, 0x1110, 0x050000).bar(0, 0x100, MEMORY32);
        own.config(0x10, 0xC000_0000).config(0x04, 2);
        boolean[] touched = new boolean[1];
        own.onConfig(0x10, _ -> touched[0] = true).onConfig(0x04, _ -> touched[0] = true);
        machine.with(0x1E << 3, own)
                .with(0x20, new FakeFunction(0x1234, 1, 0).bar(0, 0x100, MEMORY32));
        PciBus root = enumerate();
        assertThat(touched[0]).isFalse();
        assertThat(at(root, "0000:00:1e.0").reservation()).contains("its own messages");
        assertThat(at(root, "0000:00:04.0").bar(0).address()).isGreaterThan(0xC000_0000L);
    }

    @Test
    void aCapabilityListThatLoopsEnds() {
        FakeFunction looping = new FakeFunction(0x1234, 1, 0);
        int first = looping.capability(PciCapability.VENDOR, 8);
        int second = looping.capability(PciCapability.POWER_MANAGEMENT, 8);
        looping.config.put(second + 1, (byte) first);
        machine.with(0x20, looping);
        assertThat(at(enumerate(), "0000:00:04.0").capabilities())
                .extracting(PciCapability::id)
                .containsExactly(PciCapability.VENDOR, PciCapability.POWER_MANAGEMENT);
    }

    @Test
    void extendedCapabilitiesAreFoundAndTheirLoopEnds() {
        FakeFunction f = new FakeFunction(0x1234, 1, 0);
        f.capability(PciCapability.PCI_EXPRESS, 0x3C);
        f.config(0x100, 0x1482_0001).config(0x148, 0x1001_0003);
        machine.with(0x20, f);
        assertThat(at(enumerate(), "0000:00:04.0").capabilities())
                .contains(
                        new PciCapability(1, 0x100, true, 2), new PciCapability(3, 0x148, true, 1));
    }

    @ParameterizedTest
    @ValueSource(longs = {11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
    void garbageInConfigSpaceEndsNowhereBad(long seed) {
        Random random = new Random(seed);
        for (int device = 1; device < 8; device++) {
            FakeFunction f = new FakeFunction(0x1234, 1, 0);
            byte[] noise = new byte[256];
            random.nextBytes(noise);
            for (int i = 4; i < 256; i++) {
                f.config.put(i, noise[i]);
                f.allow(i, 1, random.nextInt());
            }
            machine.with(device << 3, f);
        }
        machine.with(0x40, nvme());
        PciBus root = enumerate();
        assertThat(root.all()).extracting(PciFunction::id).contains("0000:00:08.0");
    }

    /// Any tree of bridges and registers: no two ranges overlap, each is a multiple of its size,
    /// and each register is reached.
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void randomTreesAreAssignedWithoutOverlap(long seed) {
        Random random = new Random(seed);
        for (int device = 1; device < 10; device++) {
            machine.with(device << 3, random.nextBoolean() ? card(random) : tree(random, 2));
        }
        PciBus root = enumerate();
        List<PciBar> bars = new ArrayList<>();
        for (PciFunction f : root.all()) {
            f.enableDecode(PciBar.Kind.MEMORY32);
            for (PciBar bar : f.bars()) {
                assertThat(bar.address()).isPositive();
                assertThat(bar.address() % bar.size()).isZero();
                bars.add(bar);
                machine.memory().write32(bar.address(), 1);
            }
        }
        bars.sort(Comparator.comparingLong(PciBar::address));
        for (int i = 1; i < bars.size(); i++) {
            PciBar below = bars.get(i - 1);
            assertThat(bars.get(i).address())
                    .isGreaterThanOrEqualTo(below.address() + below.size());
        }
    }

    private static FakeFunction tree(Random random, int depth) {
        FakeFunction bridge = random.nextBoolean() ? FakeFunction.bridge() : FakeFunction.slot();
        bridge.behind(
                0, depth > 0 && random.nextBoolean() ? tree(random, depth - 1) : card(random));
        if (bridge.read(0x34, 1) == 0) {
            bridge.behind(0x10, card(random)).behind(0x28, card(random));
        }
        return bridge;
    }

    private static FakeFunction card(Random random) {
        int[] types = {MEMORY32, MEMORY64, PREFETCHABLE64};
        FakeFunction card = new FakeFunction(0x1234, 1, 0x020000);
        for (int bar = 0; bar < 6; bar += 2) {
            card.bar(bar, 0x10L << random.nextInt(19), types[random.nextInt(3)]);
        }
        return card;
    }
}
