package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class InitializationTest {
    private final Fixture f = new Fixture();

    @AfterEach
    void end() {
        f.close();
    }

    @Test
    void initGoesInTheOrderOfTheSpecification() {
        f.start();
        assertThat(f.nvme.log).containsExactly("AQA", "queue base", "queue base", "EN=1");
        // Identify controller, command sets, select one, NVM limits, queues, ACTIVE list,
        // namespace,
        // descriptors, event configuration, event requests.
        assertThat(f.commands.admin)
                .containsExactly(
                        "06", "06", "09", "06", "09", "06", "06", "06", "09", "0c", "0c", "0c",
                        "0c");
    }

    @Test
    void aControllerThatFirmwareLeftEnabledIsResetFirst() {
        f.nvme.leaveEnabled();
        f.start();
        assertThat(f.nvme.log).startsWith("EN=0", "AQA");
        assertThat(f.nvme.resets).isEqualTo(1);
    }

    @Test
    void aControllerThatDoesNotGetReadyIsReportedWithItsRegisters() {
        f.nvme.stuckDisabled = true;
        assertThatThrownBy(f::init)
                .isInstanceOf(DeviceTimeoutException.class)
                .hasMessage("nvme0: no CSTS.RDY = 1 after PT0.5S; CC=00460061 CSTS=00000000");
    }

    @Test
    void aControllerThatFailsWhileStartingIsReported() {
        f.nvme.fatal = 1;
        assertThatThrownBy(f::init)
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("fatal status (CSTS.CFS)");
    }

    @Test
    void registersThatReadAllOnesMeanGone() {
        f.nvme.allOnes = true;
        assertThatThrownBy(f::init).isInstanceOf(DeviceGoneException.class);
    }

    @Test
    void aControllerWithoutTheNvmCommandSetIsRefused() {
        f.nvme.commandSets = 0x80;
        assertThatThrownBy(f::init)
                .hasMessage(
                        "nvme0: cannot drive this controller: it has no NVM command set (CAP.CSS=80)");
    }

    @Test
    void memoryPagesThatAreTooLargeAreRefused() {
        f.nvme.mpsmin = 5;
        f.nvme.mpsmax = 5;
        assertThatThrownBy(f::init).hasMessageContaining("CAP.MPSMIN");
        f.nvme.mpsmin = 4;
        f.nvme.mpsmax = 3;
        assertThatThrownBy(f::init).hasMessageContaining("CAP.MPSMIN");
    }

    @Test
    void queuesOfOneEntryAreRefused() {
        f.nvme.mqes = 0;
        assertThatThrownBy(f::init).hasMessageContaining("CAP.MQES");
    }

    @Test
    void doorbellsBeyondTheRegistersAreRefused() {
        f.nvme.stride = 15;
        assertThatThrownBy(f::init).hasMessageContaining("CAP.DSTRD");
    }

    @Test
    void aDoorbellStrideIsObserved() {
        f.nvme.stride = 4;
        f.start();
        f.disk().flush();
        assertThat(f.commands.io).containsExactly("flush");
    }

    @Test
    void otherQueueEntrySizesAreRefused() {
        f.commands.sqes = 0x77;
        assertThatThrownBy(f::init)
                .hasMessage("nvme0: no queue entries of 64 and 16 bytes (SQES=77 CQES=44)");
    }

    @Test
    void aControllerThatServesNoIoIsRefused() {
        f.commands.controllerType = 2;
        assertThatThrownBy(f::init).hasMessageContaining("CNTRLTYPE=2");
    }

    @Test
    void aControllerLeftRunningMastersTheBusOnlyOnceItIsDisabled() {
        f.nvme.leaveEnabled();
        f.start();
        assertThat(f.nvme.resets).isEqualTo(1);
        assertThat(f.nvme.masteredBeforeDisabled).isFalse();
        assertThat(f.hal.busMaster).isTrue();
    }

    @Test
    void stopNotifiesOfShutdownAndDisables() {
        f.start();
        f.stop();
        assertThat(f.nvme.shutdowns).isEqualTo(1);
        assertThat(f.nvme.log).endsWith("SHN", "EN=0");
        assertThat(f.hal.busMaster).isFalse();
        assertThat(f.hal.irqClosed).isTrue();
    }

    @Test
    void stopGoesOnWithoutAShutdownAcknowledgement() {
        f.start();
        f.nvme.noShutdown = true;
        f.stop();
        assertThat(f.nvme.log).endsWith("EN=0");
    }
}
