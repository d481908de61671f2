package helix.hal.internal;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import helix.hal.api.Deadline;
import helix.hal.api.DmaBuffer;
import helix.hal.api.DmaRequest;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.hal.api.MmioRegion;
import helix.hal.api.PciBar;
import helix.hal.api.PciDevice;
import helix.hal.api.lease.LeaseService.Release;
import helix.hal.internal.fake.FakeFramework;
import helix.hal.internal.fake.Services;
import helix.hal.internal.fake.Writer;
import helix.hal.internal.pci.PciFunction;
import helix.hal.sim.SimMachine;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// The HAL over the embedded machine, above all what it does with the machine's IOMMU.
class HalOnSimTest {
    private final FakeFramework framework = new FakeFramework();
    private final Services services = new Services();
    private final SimMachine machine =
            SimMachine.builder().plug("a", new Writer()).plug("b", new Writer()).build();
    private final Hal hal =
            new Hal(
                    framework.context(),
                    services.leases,
                    services.irqs,
                    services.pci,
                    services.mmio,
                    services.dma,
                    services.ports);

    @BeforeEach
    void start() {
        hal.addMachine(machine);
    }

    @AfterEach
    void stop() {
        hal.deactivate();
        assertThat(framework.objects(PciDevice.class)).isEmpty();
        assertThat(machine.failures()).isEmpty();
        machine.close();
    }

    private List<PciDevice> writers() {
        return framework.objects(PciDevice.class).stream()
                .filter(f -> f.deviceId() == Writer.DEVICE_ID)
                .toList();
    }

    private PciDevice writer(int index) {
        return writers().get(index);
    }

    /// A driver of a [Writer].
    private final class Driver {
        final Lease lease;
        final MmioRegion registers;
        final Semaphore came = new Semaphore(0);

        Driver(PciDevice device, IrqKind kind) {
            lease = services.leases.grant(device, "driver of " + device);
            registers = services.mmio.map(lease, 0);
            services.pci.busMaster(lease, true);
            IrqVectors vectors = services.irqs.allocate(lease, 1, 1, Set.of(kind));
            vectors.handler(0, _ -> came.release());
        }

        /// Writes a word, and says what became of it.
        int write(long address, int value) {
            registers.write64(Writer.ADDRESS, address);
            registers.write32(Writer.VALUE, value);
            try {
                assertThat(came.tryAcquire(10, TimeUnit.SECONDS)).as("interrupt").isTrue();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            return registers.read32(Writer.RESULT);
        }

        DmaBuffer own() {
            return services.dma.allocate(lease, DmaRequest.pages(4096));
        }

        DmaBuffer shared() {
            return services.dma.allocateShared(lease, DmaRequest.pages(4096));
        }

        Release release() {
            return services.leases.release(lease, Deadline.afterMillis(2_000));
        }
    }

    private Driver drive(int index) {
        return new Driver(writer(index), IrqKind.MSIX);
    }

    @Test
    void functionsAreFoundAndTheirRegistersHaveAddresses() {
        List<PciDevice> functions = framework.objects(PciDevice.class);
        assertThat(functions)
                .extracting(f -> "%06x".formatted(f.classCode()))
                .containsExactly(
                        "060000", "ff0000", "ff0000", "060400", "060400", "060400", "060400");
        assertThat(writer(0).bars())
                .extracting(PciBar::kind, PciBar::size)
                .containsExactly(
                        tuple(PciBar.Kind.MEMORY64, 0x4000L), tuple(PciBar.Kind.IO, 0x20L));
        Lease lease = services.leases.grant(writer(0), "test");
        services.mmio.map(lease, 0).write32(Writer.VALUE, 7);
        assertThat(services.mmio.map(lease, 2).read32(Writer.VALUE)).isEqualTo(7);
    }

    @Test
    void aFunctionReachesItsOwnMemoryAndData() {
        Driver driver = drive(0);
        DmaBuffer own = driver.own();
        DmaBuffer data = driver.shared();
        assertThat(driver.write(own.address() + 4092, 5)).isEqualTo(1);
        assertThat(own.segment().get(JAVA_INT, 4092)).isEqualTo(5);
        assertThat(driver.write(data.address(), 6)).isEqualTo(1);
        assertThat(data.segment().get(JAVA_INT, 0)).isEqualTo(6);
        assertThat(machine.iommuFaultCount()).isZero();
        Release release = driver.release();
        assertThat(release.reset()).isEqualTo("FLR");
        assertThat(release.bytesReturned()).isEqualTo(4096);
        data.close();
    }

    @Test
    void aLineInterruptArrives() {
        Driver driver = new Driver(writer(1), IrqKind.INTX);
        DmaBuffer data = driver.shared();
        for (int i = 1; i <= 20; i++) {
            assertThat(driver.write(data.address(), i)).isEqualTo(1);
        }
        data.close();
    }

    @Test
    void strayDmaIsRefusedCountedAndChangesNothing() {
        Driver one = drive(0);
        Driver other = drive(1);
        DmaBuffer ring = one.own();
        assertThat(other.write(ring.address(), -1)).isEqualTo(2);
        assertThat(ring.segment().get(JAVA_INT, 0)).isZero();
        // The last word of the page is the function's own, the next one is nobody's.
        DmaBuffer own = other.own();
        assertThat(other.write(own.address() + 4094, -1)).isEqualTo(2);
        assertThat(machine.iommuFaultCount()).isEqualTo(2);
        assertThat(machine.iommuFaults().getFirst().toString())
                .isEqualTo(
                        "b: DMA write to 0x%x + 0x4 refused: not mapped for the function"
                                .formatted(ring.address()));
    }

    @Test
    void dataIsReachedByAllWhoAreHeldWheneverTheyCame() {
        Driver one = drive(0);
        DmaBuffer data = one.shared();
        Driver other = drive(1);
        assertThat(other.write(data.address(), 1)).isEqualTo(1);
        one.release();
        assertThat(other.write(data.address(), 2)).isEqualTo(1);
        long address = data.address();
        data.close();
        assertThat(other.write(address, 3)).isEqualTo(2);
    }

    @Test
    void memoryThatWasFreedIsOutOfReach() {
        Driver driver = drive(0);
        DmaBuffer own = driver.own();
        long address = own.address();
        assertThat(driver.write(address, 1)).isEqualTo(1);
        own.close();
        assertThat(driver.write(address, 2)).isEqualTo(2);
        assertThat(machine.iommuFaultCount()).isEqualTo(1);
    }

    @Test
    void nothingIsReachedAfterTheLeaseNorByTheNext() {
        Driver driver = drive(0);
        DmaBuffer ring = driver.own();
        long address = ring.address();
        assertThat(driver.write(address, 1)).isEqualTo(1);
        driver.release();
        assertThat(machine.faults("a").strayDma(address, 4)).isFalse();
        Driver next = drive(0);
        assertThat(next.write(address, 2)).isEqualTo(2);
    }

    @Test
    void aLeaseThatIsPassedOnKeepsWhatItsFunctionReaches() {
        Driver driver = drive(0);
        DmaBuffer ring = driver.own();
        Lease next = services.leases.pass(driver.lease, "next", Deadline.afterMillis(2_000));
        assertThat(machine.faults("a").strayDma(ring.address(), 4)).isTrue();
        DmaBuffer same = services.dma.adopt(next, ring.address());
        assertThat(same.segment().get(JAVA_INT, 0)).isEqualTo(-1);
        services.leases.release(next, Deadline.afterMillis(2_000));
        assertThat(machine.faults("a").strayDma(ring.address(), 4)).isFalse();
    }

    @Test
    void memoryOfADeviceThatIgnoresItsResetIsKept() {
        Driver driver = drive(0);
        DmaBuffer ring = driver.own();
        long address = ring.address();
        machine.faults("a").stuckReset(true);
        Release release = driver.release();
        assertThat(release.confirmed()).isFalse();
        assertThat(release.bytesQuarantined()).isEqualTo(4096);
        // Nobody was given that memory: what the device still writes there harms nobody.
        assertThat(((PciFunction) writer(0)).context().dma().bytesInUse()).isEqualTo(4096);
        machine.faults("a").stuckReset(false);
        Driver next = drive(0);
        assertThat(((PciFunction) writer(0)).context().dma().bytesInUse()).isZero();
        assertThat(next.write(address, 1)).isEqualTo(2);
    }

    @Test
    void aDeviceIsPluggedWorksAndIsUnplugged() throws InterruptedException {
        for (int i = 0; i < 2; i++) {
            machine.plug("c", new Writer());
            PciDevice device =
                    framework.await(
                            PciDevice.class,
                            f -> f.deviceId() == Writer.DEVICE_ID && f.parent().isPresent(),
                            10);
            Driver driver = new Driver(device, i == 0 ? IrqKind.MSIX : IrqKind.INTX);
            assertThat(driver.write(driver.own().address(), 1)).isEqualTo(1);
            machine.control().unplug("c");
            framework.awaitGone(device, 10);
            assertThat(driver.lease.state()).isEqualTo(Lease.State.RELEASED);
        }
    }

    @Test
    void aDeviceThatIsPulledOutIsWithdrawnAndOthersStay() throws InterruptedException {
        Driver driver = drive(0);
        Driver other = drive(1);
        DmaBuffer ring = driver.own();
        PciDevice device = writer(0);
        machine.pull("a");
        assertThat(machine.devices()).containsExactly("b");
        framework.awaitGone(device, 10);
        Deadline deadline = Deadline.afterMillis(10_000);
        while (driver.lease.state() != Lease.State.RELEASED) {
            assertThat(deadline.isExpired()).isFalse();
            Thread.onSpinWait();
        }
        assertThat(other.write(other.own().address(), 1)).isEqualTo(1);
        assertThatThrownBy(() -> ring.segment().get(JAVA_INT, 0))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aLostInterruptIsFoundByLookingAgain() {
        Driver driver = drive(0);
        DmaBuffer data = driver.shared();
        machine.faults("a").dropInterrupts(1);
        driver.registers.write64(Writer.ADDRESS, data.address());
        driver.registers.write32(Writer.VALUE, 9);
        Deadline deadline = Deadline.after(Duration.ofSeconds(10));
        while (driver.registers.read32(Writer.RESULT) == 0) {
            assertThat(deadline.isExpired()).isFalse();
        }
        assertThat(data.segment().get(JAVA_INT, 0)).isEqualTo(9);
        // The next one comes, and with it nothing of the lost one.
        assertThat(driver.write(data.address(), 10)).isEqualTo(1);
    }
}
