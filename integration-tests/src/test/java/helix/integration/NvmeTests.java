package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.api.Disk;
import helix.driver.api.block.BlockDevice;
import helix.driver.kit.BlockDeviceKit;
import helix.hal.api.PciDevice;
import helix.modules.api.Request;
import helix.modules.api.binder.Binder;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Comparator;
import java.util.Map;
import java.util.Random;
import javax.inject.Inject;
import org.junit.Test;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;

/// Bundles install, the driver binds, blocks go out and come back, whatever the machine. The first
/// disk has 512-byte blocks and the serial `helix0`, the second 4096-byte blocks.
public abstract class NvmeTests {
    @Inject BundleContext context;

    @Test
    public void everyBundleIsActive() {
        for (Bundle bundle : context.getBundles()) {
            boolean fragment = bundle.getHeaders().get("Fragment-Host") != null;
            assertThat(bundle.getState())
                    .as("%s", bundle)
                    .isEqualTo(fragment ? Bundle.RESOLVED : Bundle.ACTIVE);
        }
    }

    @Test
    public void theDriverBindsToTheController() throws Exception {
        Platform.service(context, Disk.class);
        Binder binder = Platform.service(context, Binder.class);
        PciDevice nvme =
                context.getServiceReferences(PciDevice.class, "(pci.class=010802)").stream()
                        .map(context::getService)
                        .min(Comparator.comparing(PciDevice::address))
                        .orElseThrow();
        var module = binder.module(nvme.id()).orElseThrow();
        assertThat(module.driver()).isEqualTo("nvme");
        assertThat(module.state()).isEqualTo(Binder.State.RUNNING);
        assertThat(module.generation()).isPositive();
        Object answer = binder.request(nvme.id(), new Request("id-ctrl", Map.of()));
        assertThat(((Map<?, ?>) answer).get("sn").toString().strip()).isEqualTo("helix0");
    }

    @Test
    public void blocksRoundTrip() throws Exception {
        Disk disk = Platform.service(context, Disk.class, "(disk.name=nvme0n1)");
        try (Disk.Access access = disk.open(Disk.OpenMode.WRITE_EXCLUSIVE, "test");
                Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(1 << 20);
            MemorySegment in = arena.allocate(1 << 20);
            Random random = new Random(1);
            for (long i = 0; i < out.byteSize(); i += 8) {
                out.set(ValueLayout.JAVA_LONG, i, random.nextLong());
            }
            access.writeBlock(77, out);
            access.flush();
            access.readBlock(77, in);
            assertThat(in.mismatch(out)).isEqualTo(-1);
        }
    }

    @Test
    public void theNamespaceOf512ByteBlocksPassesTheKit() throws Exception {
        passesTheKit("nvme0n1", 512);
    }

    @Test
    public void theNamespaceOf4096ByteBlocksPassesTheKit() throws Exception {
        passesTheKit("nvme1n1", 4096);
    }

    /// The kit for a driver's device.
    BlockDeviceKit kit(String name) throws InterruptedException {
        return BlockDeviceKit.of(() -> device(name));
    }

    /// The kit for a disk.
    BlockDeviceKit kit(Disk disk, Disk.Access access) throws InterruptedException {
        return BlockDeviceKit.of(() -> access);
    }

    /// What else is to be seen in a report in which nothing failed.
    void check(BlockDeviceKit.Report report) throws InterruptedException {
        assertThat(report.passed()).hasSizeGreaterThan(30);
    }

    /// The device that a driver publishes at present.
    BlockDevice device(String name) {
        try {
            return Platform.service(context, BlockDevice.class, "(block.name=" + name + ")");
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private void passesTheKit(String name, int blockSize) throws Exception {
        assertThat(device(name).blockSize()).isEqualTo(blockSize);
        BlockDeviceKit.Report report =
                kit(name).runAll(line -> System.out.println(name + ": " + line));
        report.assertPassed();
        check(report);
    }

    @Test
    public void aDiskPassesTheKit() throws Exception {
        Disk disk = Platform.service(context, Disk.class, "(disk.name=nvme0n1)");
        try (Disk.Access access = disk.open(Disk.OpenMode.WRITE_EXCLUSIVE, "test")) {
            BlockDeviceKit.Report report =
                    kit(disk, access).runAll(line -> System.out.println("disk: " + line));
            report.assertPassed();
            check(report);
        }
    }
}
