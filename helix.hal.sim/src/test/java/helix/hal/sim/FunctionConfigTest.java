package helix.hal.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.DeviceException;
import helix.hal.api.PciBar;
import helix.hal.sim.api.FunctionShape;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Config space of an endpoint, offset by offset as the specification's tables have it.
final class FunctionConfigTest {
    private final FunctionShape shape =
            FunctionShape.builder(0x1B36, 0x0010, 0x010802)
                    .revision(2)
                    .subsystem(0x1AF4, 0x1100)
                    .bar(0, PciBar.Kind.MEMORY64, 0x4000)
                    .bar(2, PciBar.Kind.MEMORY32, 0x1000)
                    .bar(4, PciBar.Kind.IO, 0x40)
                    .msix(17, 0, 0x2000, 0x3000)
                    .capability(0x09, new byte[] {7, 1, 2, 3})
                    .build();
    private final FunctionConfig config = new FunctionConfig(shape, true);

    private int capability(int id) {
        int at = config.read(0x34, 1);
        while (at != 0 && config.read(at, 1) != id) {
            at = config.read(at + 1, 1);
        }
        return at;
    }

    @Test
    void headerIsWhatTheShapeSays() {
        assertThat(config.read(0x00, 4)).isEqualTo(0x0010_1B36);
        assertThat(config.read(0x04, 2)).isZero();
        // Capabilities List.
        assertThat(config.read(0x06, 2)).isEqualTo(0x0010);
        assertThat(config.read(0x08, 4)).isEqualTo(0x0108_0202);
        assertThat(config.read(0x0E, 1)).isZero();
        assertThat(config.read(0x2C, 4)).isEqualTo(0x1100_1AF4);
        assertThat(config.read(0x3D, 1)).isEqualTo(1);
        // No extended capabilities.
        assertThat(config.read(0x100, 4)).isZero();
    }

    @Test
    void capabilitiesAreChainedInTheFirst256Bytes() {
        List<Integer> ids = new ArrayList<>();
        for (int at = config.read(0x34, 1); at != 0; at = config.read(at + 1, 1)) {
            assertThat(at).isBetween(0x40, 0xFC).matches(a -> a % 4 == 0);
            ids.add(config.read(at, 1));
        }
        assertThat(ids).containsExactly(0x01, 0x10, 0x11, 0x09);
        assertThat(config.read(capability(0x09) + 2, 4)).isEqualTo(0x0302_0107);
        int express = capability(0x10);
        assertThat(config.read(express + 2, 2)).as("version 2, endpoint").isEqualTo(0x0002);
        assertThat(config.read(express + 4, 4) & 1 << 28).as("FLR").isNotZero();
        int msix = capability(0x11);
        assertThat(config.read(msix + 2, 2)).isEqualTo(16);
        assertThat(config.read(msix + 4, 4)).isEqualTo(0x2000);
        assertThat(config.read(msix + 8, 4)).isEqualTo(0x3000);
    }

    @Test
    void onTheRootBusItIsAnIntegratedEndpoint() {
        FunctionConfig integrated = new FunctionConfig(shape, false);
        assertThat(integrated.read(capability(0x10) + 2, 2)).isEqualTo(0x0092);
    }

    @Test
    void whatIsReadOnlyStays() {
        config.write(0x00, 4, -1);
        config.write(0x06, 2, -1);
        config.write(0x08, 4, -1);
        config.write(0x2C, 4, -1);
        config.write(0x34, 1, -1);
        headerIsWhatTheShapeSays();
        config.write(0x04, 2, 0xFFFF);
        assertThat(config.read(0x04, 2)).isEqualTo(0x0547);
        config.write(0x3C, 1, 0xAB);
        assertThat(config.read(0x3C, 1)).isEqualTo(0xAB);
        int msix = capability(0x11) + 2;
        config.write(msix, 2, 0xFFFF);
        assertThat(config.read(msix, 2)).isEqualTo(0xC010);
        int control = capability(0x10) + 8;
        config.write(control, 2, 0xFFFF);
        assertThat(config.read(control, 2)).as("Initiate FLR reads 0").isEqualTo(0x7FFF);
    }

    @Test
    void baseAddressRegistersTellTheirSizes() {
        int[] expected = {0xFFFF_C004, 0xFFFF_FFFF, 0xFFFF_F000, 0, 0xFFFF_FFC1, 0};
        for (int i = 0; i < 6; i++) {
            config.write(0x10 + 4 * i, 4, -1);
            assertThat(config.read(0x10 + 4 * i, 4)).as("BAR %d", i).isEqualTo(expected[i]);
        }
    }

    @Test
    void onlyWhatIsEnabledAndAwakeIsDecoded() {
        config.write(0x10, 4, 0x1000_0000);
        config.write(0x14, 4, 0x8);
        config.write(0x20, 4, 0x2000);
        assertThat(config.decoded()).isEmpty();
        config.write(0x04, 2, 1);
        assertThat(config.decoded())
                .containsExactly(new FunctionConfig.Decoded(true, 0x2000, 0x40, 4));
        config.write(0x04, 2, 2);
        assertThat(config.decoded())
                .containsExactly(new FunctionConfig.Decoded(false, 0x8_1000_0000L, 0x4000, 0));
        assertThat(config.isMaster()).isFalse();
        config.write(0x04, 2, 6);
        assertThat(config.isMaster()).isTrue();
        config.write(capability(0x01) + 4, 2, 3);
        assertThat(config.decoded()).as("in D3hot").isEmpty();
        assertThat(config.isMaster()).isFalse();
    }

    @Test
    void functionLevelResetIsAskedForByItsBitAlone() {
        int control = capability(0x10) + 8;
        assertThat(config.asksForReset(control, 2, 0x8000)).isTrue();
        assertThat(config.asksForReset(control, 4, 0x8000)).isTrue();
        assertThat(config.asksForReset(control + 1, 1, 0x80)).isTrue();
        assertThat(config.asksForReset(control, 2, 0x7FFF)).isFalse();
        assertThat(config.asksForReset(control, 1, 0x80)).isFalse();
        assertThat(config.asksForReset(control - 4, 4, -1)).isFalse();
    }

    @Test
    void impossibleShapesAreRefused() {
        FunctionShape.Builder odd = FunctionShape.builder(1, 2, 3);
        odd.bar(0, PciBar.Kind.MEMORY32, 3000);
        assertThatThrownBy(() -> new FunctionConfig(odd.build(), false))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("3000");
        FunctionShape.Builder wide = FunctionShape.builder(1, 2, 3);
        wide.bar(5, PciBar.Kind.MEMORY64, 4096);
        assertThatThrownBy(() -> new FunctionConfig(wide.build(), false))
                .isInstanceOf(DeviceException.class);
        FunctionShape.Builder full = FunctionShape.builder(1, 2, 3);
        full.capability(9, new byte[200]);
        assertThatThrownBy(() -> new FunctionConfig(full.build(), false))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("256 bytes");
    }
}
