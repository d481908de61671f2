package helix.hal.internal.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DmaBuffer;
import helix.hal.api.DmaRequest;
import helix.hal.api.Lease;
import helix.hal.internal.device.MachineContext;
import helix.hal.internal.fake.FakeFunction;
import helix.hal.internal.fake.FakeMachine;
import helix.hal.internal.fake.FakeRemapping;
import helix.hal.internal.fake.Services;
import helix.hal.internal.pci.PciEnumerator;
import helix.hal.internal.pci.PciFunction;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Who reaches which memory on a machine with an IOMMU, also when that or a device fails.
class ReachTest {
    private final FakeRemapping iommu = new FakeRemapping();
    private final FakeMachine machine =
            new FakeMachine("fake")
                    .with(0x20, new FakeFunction(0x1234, 1, 0xFF0000))
                    .with(0x28, new FakeFunction(0x1234, 1, 0xFF0000))
                    .remapping(iommu);
    private final Services services = new Services();
    private MachineContext context;
    private PciFunction first;
    private PciFunction second;

    @BeforeEach
    void enumerate() {
        context = new MachineContext(machine, 0);
        List<PciFunction> all = new PciEnumerator(context, machine).enumerate().all();
        first = all.get(0);
        second = all.get(1);
    }

    @AfterEach
    void close() {
        machine.close();
    }

    private DmaBuffer own(Lease lease) {
        return services.dma.allocate(lease, DmaRequest.pages(4096));
    }

    private DmaBuffer shared(Lease lease) {
        return services.dma.allocateShared(lease, DmaRequest.pages(4096));
    }

    private static Deadline soon() {
        return Deadline.afterMillis(300);
    }

    /// Drivers ask once a pool: of a pool, a device reaches all or nothing.
    @Test
    void aDeviceReachesDataAndItsOwnMemoryAndNotAnothersOwn() {
        Lease a = services.leases.grant(first, "a");
        Lease b = services.leases.grant(second, "b");
        DmaBuffer ofA = own(a);
        DmaBuffer ofB = own(b);
        DmaBuffer data = shared(a);
        assertThat(services.dma.reaches(a, ofA)).isTrue();
        assertThat(services.dma.reaches(b, ofA)).isFalse();
        assertThat(services.dma.reaches(a, ofB)).isFalse();
        assertThat(services.dma.reaches(a, data)).isTrue();
        assertThat(services.dma.reaches(b, data)).isTrue();
        assertThat(List.of(ofA.pool(), ofB.pool(), data.pool())).doesNotHaveDuplicates();
        assertThat(own(a).pool()).isSameAs(ofA.pool());
        assertThat(shared(b).pool()).isSameAs(data.pool());
    }

    @Test
    void ownMemoryThatIsTakenOverIsStillReached() {
        Lease a = services.leases.grant(first, "a");
        DmaBuffer ring = own(a);
        Lease next = services.leases.pass(a, "next", soon());
        DmaBuffer same = services.dma.adopt(next, ring.address());
        assertThat(same.pool()).isSameAs(ring.pool());
        assertThat(services.dma.reaches(next, same)).isTrue();
    }

    /// The second of two functions cannot be given the right: the first has it by then.
    @Test
    void dataThatCannotBeMappedIsNotKept() {
        Lease a = services.leases.grant(first, "a");
        Lease _ = services.leases.grant(second, "b");
        iommu.mapsLeft = 1;
        assertThatThrownBy(() -> shared(a))
                .isInstanceOf(DeviceException.class)
                .hasMessage("no room in the tables");
        assertThat(context.dma().bytesInUse()).isZero();
        assertThat(context.dma().blocksInUse()).isZero();
    }

    @Test
    void memoryThatDevicesMayStillReachIsNotFreeUntilTheyDoNot() {
        Lease a = services.leases.grant(first, "a");
        DmaBuffer data = shared(a);
        DmaBuffer ring = own(a);
        iommu.holdsOn = true;
        data.close();
        ring.close();
        assertThat(context.dma().blocksInUse()).isEqualTo(2);
        assertThat(context.dma().bytesInUse()).isEqualTo(8192);
        assertThat(shared(a).address()).isNotIn(data.address(), ring.address());
        iommu.holdsOn = false;
        services.leases.release(a, soon());
        assertThat(context.dma().bytesInUse()).isEqualTo(4096);
        assertThat(iommu.isReached(data.address())).isFalse();
    }

    /// The device is withdrawn between the look whether it is there and the lease.
    @Test
    void aDeviceThatGoesWhileItIsGrantedLeavesNoDomain() {
        iommu.atAttach(() -> {
            first.markGone();
            services.leases.releaseAll(first, soon());
            services.leases.forget(first);
        });
        assertThatThrownBy(() -> services.leases.grant(first, "a"))
                .isInstanceOf(DeviceGoneException.class)
                .hasMessage("0000:00:04.0 is gone");
        assertThat(iommu.domains()).isZero();
        assertThat(services.leases.leases()).isEmpty();
        PciFunction again = new PciEnumerator(context, machine).enumerate().all().get(0);
        assertThat(services.leases.grant(again, "a").state()).isEqualTo(Lease.State.VALID);
    }

    /// Granted after all leases of the device were released, and before it was gone.
    @Test
    void aLeaseOfADeviceThatIsForgottenIsOver() {
        services.leases.releaseAll(first, soon());
        Lease late = services.leases.grant(first, "late");
        DmaBuffer _ = own(late);
        first.markGone();
        services.leases.forget(first);
        assertThat(late.state()).isEqualTo(Lease.State.RELEASED);
        assertThat(context.dma().bytesInUse()).isZero();
        assertThat(iommu.domains()).isZero();
    }
}
