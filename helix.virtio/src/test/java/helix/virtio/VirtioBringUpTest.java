package helix.virtio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.MmioRegion;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Each MUST of VIRTIO 1.2, section 3.1.1, with a device that only has a status and features.
class VirtioBringUpTest {
    private static final long FEATURE = 1L << 5;
    private static final long OTHER = 1L << 6;

    private final Registers registers = new Registers();

    @Test
    void stepsAreInOrder() {
        registers.offered |= FEATURE | OTHER;
        long agreed = negotiate(FEATURE, 0);
        VirtioBringUp.ready(registers);
        assertThat(agreed).isEqualTo(VirtioFeature.VERSION_1 | FEATURE);
        assertThat(registers.log)
                .containsExactly(
                        "status 0",
                        "status 1",
                        "status 3",
                        "features 100000020",
                        "status b",
                        "status f");
    }

    @Test
    void resetWaitsUntilStatusReadsZero() {
        registers.status = 15;
        registers.readsUntilReset = 30;
        assertThat(VirtioBringUp.reset(registers, Deadline.afterMillis(5000))).isTrue();
        assertThat(registers.readsUntilReset).isZero();
        assertThat(registers.status).isZero();
    }

    @Test
    void whatADeviceOffTheBusHasNotSeenIsWrittenAgain() {
        registers.status = 15;
        registers.readsOffTheBus = 30;
        assertThat(VirtioBringUp.reset(registers, Deadline.afterMillis(5000))).isTrue();
        assertThat(registers.status).isZero();
    }

    @Test
    void aResetThatIsNotConfirmedIsSaid() {
        registers.status = 15;
        registers.readsUntilReset = Integer.MAX_VALUE;
        assertThat(VirtioBringUp.reset(registers, Deadline.afterMillis(5))).isFalse();
        assertThatThrownBy(() -> VirtioBringUp.negotiate(registers, 0, 0, Deadline.afterMillis(5)))
                .isInstanceOf(DeviceTimeoutException.class)
                .hasMessageContaining("status=0xf");
        // Nothing but resets was written: the device may still be at work.
        assertThat(registers.log).containsOnly("status 0");
    }

    @Test
    void whatIsNotOfferedIsNotAccepted() {
        registers.offered |= FEATURE;
        assertThat(negotiate(FEATURE | OTHER, 0)).isEqualTo(VirtioFeature.VERSION_1 | FEATURE);
        assertThat(registers.accepted).isEqualTo(VirtioFeature.VERSION_1 | FEATURE);
    }

    @Test
    void platformFeaturesAreAcceptedWhereOffered() {
        long platform = VirtioFeature.ACCESS_PLATFORM | VirtioFeature.ORDER_PLATFORM;
        registers.offered |= platform;
        assertThat(negotiate(0, 0)).isEqualTo(VirtioFeature.VERSION_1 | platform);
    }

    @Test
    void aDeviceWithoutVersion1IsGivenUp() {
        registers.offered = FEATURE;
        assertThatThrownBy(() -> negotiate(FEATURE, 0))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("bit 32");
        assertThat(registers.status).isEqualTo(DeviceStatus.FAILED | 3);
        assertThat(registers.accepted).isZero();
    }

    @Test
    void aMissingRequiredFeatureIsNamed() {
        assertThatThrownBy(() -> negotiate(FEATURE, FEATURE | OTHER))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("bit 5, bit 6");
        assertThat(registers.status).isEqualTo(DeviceStatus.FAILED | 3);
    }

    @Test
    void featuresOkIsReadBack() {
        registers.keepsFeaturesOk = false;
        assertThatThrownBy(() -> negotiate(0, 0))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("features 0x100000000 are not accepted");
        assertThat(registers.status & DeviceStatus.FAILED).isNotZero();
        assertThat(registers.status & DeviceStatus.DRIVER_OK).isZero();
    }

    @Test
    void aDeviceThatNeedsAResetAtFeaturesOkIsGivenUp() {
        registers.needsResetAt = DeviceStatus.FEATURES_OK;
        assertThatThrownBy(() -> negotiate(0, 0)).isInstanceOf(DeviceException.class);
        assertThat(registers.status & DeviceStatus.FAILED).isNotZero();
    }

    @Test
    void aDeviceThatNeedsAResetAtDriverOkIsGivenUp() {
        registers.needsResetAt = DeviceStatus.DRIVER_OK;
        assertThat(negotiate(0, 0)).isEqualTo(VirtioFeature.VERSION_1);
        assertThatThrownBy(() -> VirtioBringUp.ready(registers))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("status=0x4f");
        assertThat(registers.status & DeviceStatus.FAILED).isNotZero();
    }

    @Test
    void aDeviceThatIsGoneIsGivenUp() {
        registers.gone = true;
        assertThatThrownBy(() -> VirtioBringUp.negotiate(registers, 0, 0, Deadline.afterMillis(5)))
                .isInstanceOf(DeviceTimeoutException.class)
                .hasMessageContaining("status=0xff");
        assertThatThrownBy(() -> VirtioBringUp.ready(registers))
                .isInstanceOf(DeviceException.class);
    }

    private long negotiate(long supported, long required) {
        return VirtioBringUp.negotiate(registers, supported, required, Deadline.afterMillis(5000));
    }

    private static final class Registers implements VirtioTransport {
        final List<String> log = new ArrayList<>();
        long offered = VirtioFeature.VERSION_1;
        long accepted;
        int status;
        int readsUntilReset;
        int readsOffTheBus;
        boolean keepsFeaturesOk = true;
        boolean gone;
        int needsResetAt;

        @Override
        public int status() {
            if (gone) {
                return 0xFF;
            }
            if (readsOffTheBus > 0) {
                readsOffTheBus--;
                return 0xFF;
            }
            if (readsUntilReset > 0 && --readsUntilReset == 0) {
                status = 0;
            }
            return status;
        }

        @Override
        public void status(int bits) {
            log.add("status " + Integer.toHexString(bits));
            if (readsOffTheBus > 0) {
                return;
            }
            if (bits == 0) {
                if (readsUntilReset == 0) {
                    status = 0;
                }
                return;
            }
            status = bits;
            if (!keepsFeaturesOk) {
                status &= ~DeviceStatus.FEATURES_OK;
            }
            if ((bits & needsResetAt) != 0) {
                status |= DeviceStatus.DEVICE_NEEDS_RESET;
            }
        }

        @Override
        public long deviceFeatures() {
            return offered;
        }

        @Override
        public void driverFeatures(long bits) {
            accepted = bits;
            log.add("features " + Long.toHexString(bits));
        }

        @Override
        public int configGeneration() {
            throw unused();
        }

        @Override
        public MmioRegion config() {
            throw unused();
        }

        @Override
        public int queueCount() {
            throw unused();
        }

        @Override
        public int queueSize(int queue) {
            throw unused();
        }

        @Override
        public void enableQueue(int q, int size, long desc, long driver, long device, int vector) {
            throw unused();
        }

        @Override
        public void queueVector(int queue, int vector) {
            throw unused();
        }

        @Override
        public void configVector(int vector) {
            throw unused();
        }

        @Override
        public void resetQueue(int queue) {
            throw unused();
        }

        @Override
        public boolean isQueueEnabled(int queue) {
            throw unused();
        }

        @Override
        public MmioRegion doorbell(int queue) {
            throw unused();
        }

        @Override
        public int doorbellValue(int queue) {
            throw unused();
        }

        @Override
        public int interruptStatus() {
            throw unused();
        }

        private static AssertionError unused() {
            return new AssertionError("not a step of the bring-up");
        }
    }
}
