package helix.hal.sim.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Properties, their widths, and what CC does. Base 2.0, section 3.1.3.
class RegistersTest {
    private final SimAccess sim = new SimAccess("queue-size=256");
    private final ScriptHost host = new ScriptHost(sim);

    @AfterEach
    void close() {
        sim.close();
    }

    @Test
    void tellsWhatItCan() {
        long cap = sim.read(ScriptHost.CAP, 8);

        assertThat(cap & 0xFFFF).as("MQES").isEqualTo(255);
        assertThat(cap >>> 16 & 1).as("CQR").isEqualTo(1);
        assertThat(cap >>> 24 & 0xFF).as("TO").isPositive();
        assertThat(cap >>> 37 & 0xFF).as("CSS").isEqualTo(0x41);
        assertThat(cap >>> 48 & 0xF).as("MPSMIN").isZero();
        assertThat(Integer.toUnsignedLong(host.read32(0)) | (long) host.read32(4) << 32)
                .isEqualTo(cap);
        assertThat(host.read32(ScriptHost.VS)).isEqualTo(0x00020000);
        assertThat(sim.violations).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"0x14, 1", "0x14, 2", "0x14, 8", "0x1C, 8", "0x2, 4", "0x4, 8", "0x1000, 8"})
    void punishesWrongWidths(String offset, int width) {
        int at = Integer.decode(offset);

        sim.write(at, width, 1);
        assertThat(sim.read(at, width)).isZero();

        assertThat(sim.violations).hasSize(2).allMatch(text -> text.contains("wrong width"));
    }

    @ParameterizedTest
    @ValueSource(ints = {0x00, 0x08, 0x1C, 0x38, 0x200})
    void punishesWritesThatAreNotFor(int offset) {
        int before = host.read32(offset);

        host.write32(offset, ~before);

        assertThat(host.read32(offset)).isEqualTo(before);
        assertThat(sim.violations).isNotEmpty();
    }

    @Test
    void punishesReservedBits() {
        host.write32(ScriptHost.CC, 0xFE000000);
        host.write32(ScriptHost.AQA, 0xF000F000);
        sim.write(ScriptHost.ASQ, 8, 0x1234);

        assertThat(sim.violations).hasSize(3).allMatch(text -> text.contains("reserved bits"));
        assertThat(sim.read(ScriptHost.ASQ, 8)).isEqualTo(0x1000);
        assertThat(host.read32(ScriptHost.AQA)).isZero();
    }

    @Test
    void isReadyAWhileAfterItIsEnabled() {
        host.write32(ScriptHost.AQA, 0x001F001F);
        sim.write(ScriptHost.ASQ, 8, SimAccess.BASE);
        sim.write(ScriptHost.ACQ, 8, SimAccess.BASE + 4096);

        host.write32(ScriptHost.CC, ScriptHost.ENABLE);
        assertThat(host.read32(ScriptHost.CSTS)).isZero();
        assertThat(sim.wakeAt).isEqualTo(sim.nanos + 100_000);
        sim.nanos += 100_000;
        sim.progress();
        assertThat(host.read32(ScriptHost.CSTS)).isEqualTo(1);

        host.write32(ScriptHost.CC, 0);
        assertThat(host.read32(ScriptHost.CSTS)).isEqualTo(1);
        sim.nanos += 100_000;
        assertThat(host.read32(ScriptHost.CSTS)).isZero();
        assertThat(sim.violations).isEmpty();
    }

    @Test
    void keepsAdminQueueRegistersOverItsOwnReset() {
        host.enable();
        long asq = sim.read(ScriptHost.ASQ, 8);
        host.disable();

        assertThat(sim.read(ScriptHost.ASQ, 8)).isEqualTo(asq);
        sim.model.reset(helix.hal.sim.api.DeviceModel.Reset.FUNCTION_LEVEL);
        assertThat(sim.read(ScriptHost.ASQ, 8)).isZero();
        assertThat(host.read32(ScriptHost.AQA)).isZero();
        assertThat(host.read32(ScriptHost.CC)).isZero();
        assertThat(host.read32(ScriptHost.CSTS)).isZero();
    }

    @ParameterizedTest(name = "CC {0} AQA {1} ASQ {2}")
    @CsvSource({
        "0x00460001, 0x001F0000, 0x100000, fewer than two",
        "0x00460001, 0x0000001F, 0x100000, fewer than two",
        "0x00460281, 0x001F001F, 0x100000, MPS",
        "0x00460801, 0x001F001F, 0x100000, AMS",
        "0x00460011, 0x001F001F, 0x100000, CSS",
        "0x00460081, 0x001F001F, 0x101000, aligned",
    })
    void isFatalWithAnInvalidSetUp(String cc, String aqa, String asq, String why) {
        host.write32(ScriptHost.AQA, Integer.decode(aqa));
        sim.write(ScriptHost.ASQ, 8, Long.decode(asq));
        sim.write(ScriptHost.ACQ, 8, SimAccess.BASE + 0x10000);

        host.write32(ScriptHost.CC, Integer.decode(cc));
        int status = host.awaitStatus(2, 2);

        assertThat(status & 1).as("RDY").isZero();
        assertThat(sim.violations).hasSize(1);
        assertThat(sim.violations.getFirst()).contains("invalid set-up").contains(why);
        host.write32(ScriptHost.CC, 0);
        assertThat(host.read32(ScriptHost.CSTS) & 2).as("CFS").isZero();
    }

    @Test
    void punishesChangesWhileEnabled() {
        host.enable();

        host.write32(ScriptHost.AQA, 0x00030003);
        sim.write(ScriptHost.ACQ, 8, 0x5000);
        host.write32(ScriptHost.CC, ScriptHost.ENABLE | 1 << 7);

        assertThat(sim.violations).hasSize(4);
        assertThat(host.read32(ScriptHost.CC)).isEqualTo(ScriptHost.ENABLE);
        assertThat(host.read32(ScriptHost.AQA)).isEqualTo(0x001F001F);
    }

    @Test
    void punishesImpatience() {
        host.enable();
        host.write32(ScriptHost.CC, 0);
        host.write32(ScriptHost.CC, ScriptHost.ENABLE);
        assertThat(sim.violations.getFirst()).contains("CC.EN set while CSTS.RDY is 1");
        host.write32(ScriptHost.CC, 0);
        assertThat(sim.violations.getLast()).contains("CC.EN cleared while CSTS.RDY is 0");
    }

    @Test
    void punishesDoorbellsBeforeItIsReady() {
        host.write32(ScriptHost.DOORBELLS, 1);
        assertThat(sim.violations.getFirst()).contains("while CSTS.RDY is 0");
        assertThat(host.read32(ScriptHost.DOORBELLS)).isZero();
        assertThat(sim.violations.getLast()).contains("doorbell read");
    }

    @Test
    void shutsDown() {
        host.enable();

        host.write32(ScriptHost.CC, ScriptHost.ENABLE | 1 << 14);
        assertThat(host.read32(ScriptHost.CSTS) >>> 2 & 3).isEqualTo(1);
        int _ = host.awaitStatus(3 << 2, 2 << 2);
        host.disable();

        assertThat(host.read32(ScriptHost.CSTS)).isZero();
        host.enable();
        assertThat(sim.violations).isEmpty();
    }

    @Test
    void hasNoMaskRegistersWithMessages() {
        host.write32(ScriptHost.INTMS, 1);
        assertThat(sim.violations.getFirst()).contains("interrupt mask");
    }

    @Test
    void showsAShapeThatFits() {
        var shape = sim.model.shape();
        assertThat(shape.classCode()).isEqualTo(0x010802);
        assertThat(shape.bars().getFirst().size()).isGreaterThanOrEqualTo(16384);
        var msix = java.util.Objects.requireNonNull(shape.msix());
        assertThat(msix.vectors()).isEqualTo(33);
        assertThat(msix.pendingOffset() + 8).isLessThanOrEqualTo(shape.bars().getLast().size());
        assertThat(Long.bitCount(shape.bars().getLast().size())).isEqualTo(1);
    }
}
