package helix.driver.bus.virtio;

import static helix.driver.bus.virtio.FakeFunction.BAR;
import static helix.driver.bus.virtio.FakeFunction.BAR_SIZE;
import static helix.driver.bus.virtio.FakeFunction.COMMON;
import static helix.driver.bus.virtio.FakeFunction.DEVICE;
import static helix.driver.bus.virtio.FakeFunction.ISR;
import static helix.driver.bus.virtio.FakeFunction.NOTIFY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.DeviceException;
import helix.hal.api.PciBar;
import helix.hal.api.PciCapability;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What vendor capabilities say, and what of it is believed: VIRTIO 1.2, section 4.1.4.
class StructuresTest {
    private static FakeFunction function() {
        return new FakeFunction();
    }

    /// All that is needed but the common configuration.
    private static FakeFunction rest() {
        return function().notifyCap(BAR, 0x3000, 0x1000, 4).cap(ISR, BAR, 0x1000, 1);
    }

    private static void refused(FakeFunction function, String message) {
        assertThatThrownBy(() -> Structures.of(function))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining(message);
    }

    @Test
    void theStructuresAreWhereTheCapabilitiesSay() {
        Structures s = Structures.of(FakeFunction.good());
        assertThat(s.common()).isEqualTo(new Structure(Structure.Kind.COMMON, BAR, 0, 0x3C));
        assertThat(s.notification().offset()).isEqualTo(0x3000);
        assertThat(s.notification().length()).isEqualTo(0x1000);
        assertThat(s.multiplier()).isEqualTo(4);
        assertThat(s.isr().offset()).isEqualTo(0x1000);
        assertThat(s.device().orElseThrow().length()).isEqualTo(0x1000);
        assertThat(s.msixTableSize()).isEqualTo(3);
    }

    @Test
    void theDriverMustIgnoreAReservedCfgType() {
        FakeFunction f = function().cap(0, BAR, 0, 64).cap(77, BAR, 0, 64).cap(9, BAR, 0, 64);
        f.notifyCap(BAR, 0x3000, 0x1000, 4).cap(ISR, BAR, 0x1000, 1).cap(COMMON, BAR, 0, 64);
        assertThat(Structures.of(f).common().offset()).isZero();
    }

    @Test
    void theDriverMustIgnoreAReservedBar() {
        FakeFunction f = rest().cap(COMMON, 6, 0, 64).cap(COMMON, BAR, 0x100, 64);
        assertThat(Structures.of(f).common().offset()).isEqualTo(0x100);
        refused(rest().cap(COMMON, 6, 0, 64), "names the reserved BAR 6");
    }

    @Test
    void theDriverMustAcceptALargerCapLen() {
        FakeFunction f = rest().cap(40, COMMON, BAR, 0, 64);
        assertThat(Structures.of(f).common().offset()).isZero();
    }

    @Test
    void theDriverMustHandleAnUnexpectedlyLargeLength() {
        FakeFunction f = function().cap(DEVICE, BAR, 0x2000, 0xFFFF_FFFFL);
        f.notifyCap(BAR, 0x3000, 0xFFFF_FFFFL, 4).cap(ISR, BAR, 0x1000, 0xFFFF_FFFFL);
        Structures s = Structures.of(f.cap(COMMON, BAR, 0, 0xFFFF_FFFFL));
        assertThat(s.common().length()).isEqualTo(0x3C);
        assertThat(s.isr().length()).isEqualTo(1);
        assertThat(s.device().orElseThrow().length()).isEqualTo(0x1000);
        assertThat(s.notification().end()).isEqualTo(BAR_SIZE);
    }

    @Test
    void theFirstThatCanBeUsedIsPreferred() {
        FakeFunction f = rest().cap(COMMON, BAR, 0x201, 64);
        f.cap(COMMON, BAR, 0x400, 64).cap(COMMON, BAR, 0, 64);
        assertThat(Structures.of(f).common().offset()).isEqualTo(0x400);
    }

    @Test
    void aFunctionWithoutAStructureThatIsNeededIsRefusedByName() {
        refused(rest(), "0000:00:05.0: COMMON_CFG cannot be used: there is none");
        refused(
                function().cap(COMMON, BAR, 0, 64).cap(ISR, BAR, 0x1000, 1),
                "NOTIFY_CFG cannot be used: there is none");
        refused(
                function().cap(COMMON, BAR, 0, 64).notifyCap(BAR, 0x3000, 0x1000, 4),
                "ISR_CFG cannot be used: there is none");
    }

    @Test
    void notEveryDeviceHasConfiguration() {
        assertThat(Structures.of(rest().cap(COMMON, BAR, 0, 64)).device()).isEmpty();
    }

    @Test
    void offsetsMustBeAligned() {
        refused(rest().cap(COMMON, BAR, 2, 64), "says offset 0x2, which is no multiple of 4");
        refused(
                function().cap(COMMON, BAR, 0, 64).notifyCap(BAR, 0x3001, 0x100, 4),
                "NOTIFY_CFG cannot be used: the capability at 0x50 says offset 0x3001");
    }

    @Test
    void aStructureOutsideOfItsBarIsRefused() {
        refused(rest().cap(COMMON, BAR, BAR_SIZE, 64), "in BAR 4 of 16384 bytes; 56 are needed");
        refused(rest().cap(COMMON, BAR, 0xFFFF_FFFCL, 64), "says offset 0xfffffffc");
        refused(rest().cap(COMMON, BAR, BAR_SIZE - 52, 64), "56 are needed");
        refused(rest().cap(COMMON, BAR, 0, 55), "says offset 0x0 and length 55");
    }

    @Test
    void aStructureInABarThatIsNotThereIsRefused() {
        refused(rest().cap(COMMON, 2, 0, 64), "names BAR 2, which is not there");
        FakeFunction f = rest().cap(COMMON, 2, 0, 64);
        f.bars.add(new PciBar(2, PciBar.Kind.MEMORY32, false, 0, 0x1000));
        refused(f, "names BAR 2, which has no address");
    }

    @Test
    void aCapabilityThatIsTooShortIsRefused() {
        refused(rest().cap(15, COMMON, BAR, 0, 64), "has 15 bytes, not 16");
        refused(
                function().cap(COMMON, BAR, 0, 64).cap(16, NOTIFY, BAR, 0x3000, 64),
                "has 16 bytes, not 20");
    }

    @Test
    void aCapabilityAtTheEndOfConfigSpaceIsNotReadBeyond() {
        FakeFunction f = rest();
        f.config.put(0xFC + 2, (byte) 16);
        f.config.put(0xFC + 3, (byte) COMMON);
        f.capabilities.add(new PciCapability(PciCapability.VENDOR, 0xFC, false, 0));
        assertThat(Structures.isModern(f)).isFalse();
        refused(f, "COMMON_CFG cannot be used: the capability at 0xfc");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 6, 12, -1})
    void theMultiplierMustBeAnEvenPowerOfTwoOrZero(int multiplier) {
        FakeFunction f = function().cap(COMMON, BAR, 0, 64).cap(ISR, BAR, 0x1000, 1);
        refused(f.notifyCap(BAR, 0x3000, 0x1000, multiplier), "notify_off_multiplier");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2, 4, 4096})
    void multipliersThatAreGood(int multiplier) {
        FakeFunction f = function().cap(COMMON, BAR, 0, 64).cap(ISR, BAR, 0x1000, 1);
        assertThat(Structures.of(f.notifyCap(BAR, 0x3000, 0x1000, multiplier)).multiplier())
                .isEqualTo(multiplier);
    }

    @Test
    void structuresThatOverlapAreCutOrRefused() {
        FakeFunction cut = function().cap(COMMON, BAR, 0x100, 64).cap(ISR, BAR, 0x200, 1);
        Structures s = Structures.of(cut.notifyCap(BAR, 0, 0x1000, 0));
        assertThat(s.notification().end()).isEqualTo(0x100);
        refused(
                function()
                        .cap(COMMON, BAR, 0, 64)
                        .cap(ISR, BAR, 0x14, 1)
                        .notifyCap(BAR, 0x3000, 0x1000, 4),
                "COMMON_CFG cannot be used: it overlaps ISR_CFG");
        refused(
                function()
                        .cap(COMMON, BAR, 0, 64)
                        .cap(ISR, BAR, 0x1000, 1)
                        .notifyCap(BAR, 0, 0x1000, 4),
                "COMMON_CFG cannot be used: it overlaps NOTIFY_CFG");
    }

    @Test
    void noStructureReachesIntoTheMsixTable() {
        FakeFunction inside = rest().msix(4, BAR, 0x100, 0x800).cap(COMMON, BAR, 0x110, 64);
        refused(inside, "COMMON_CFG cannot be used: it overlaps the MSI-X table");
        FakeFunction before = function().msix(4, BAR, 0x3100, 0x3800).cap(COMMON, BAR, 0, 64);
        before.cap(ISR, BAR, 0x1000, 1).notifyCap(BAR, 0x3000, 0x1000, 4);
        assertThat(Structures.of(before).notification().end()).isEqualTo(0x3100);
    }

    /// Whatever is written there: no exception but a device error, and no two structures overlap.
    @Test
    void nothingInConfigSpaceLeadsAstray() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        int used = 0;
        for (int i = 0; i < 20_000; i++) {
            FakeFunction f = FakeFunction.good();
            for (int n = random.nextInt(4); n >= 0; n--) {
                int at = 0x40 + random.nextInt(0xC0);
                f.config.put(at, (byte) random.nextInt(256));
            }
            try {
                check(Structures.of(f), "seed " + seed);
                used++;
            } catch (DeviceException e) {
                assertThat(e).hasMessageStartingWith("0000:00:05.0: ");
            }
        }
        assertThat(used).isBetween(1, 19_999);
    }

    private static void check(Structures s, String seed) {
        List<Structure> all =
                Stream.concat(Stream.of(s.common(), s.notification(), s.isr()), s.device().stream())
                        .toList();
        for (Structure one : all) {
            assertThat(one.end()).as(seed).isLessThanOrEqualTo(BAR_SIZE);
            assertThat(one.length()).as(seed).isGreaterThanOrEqualTo(one.kind().minimum);
            for (Structure other : all) {
                assertThat(other != one && one.isIn(other)).as(seed).isFalse();
            }
        }
    }
}
