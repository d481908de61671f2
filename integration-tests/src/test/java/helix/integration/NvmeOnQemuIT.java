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
import java.util.List;
import java.util.Map;
import java.util.Random;
import javax.inject.Inject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;

/// Bundles install, the driver binds, blocks go out and come back.
@RunWith(PaxExamOnQemu.class)
@ExamReactorStrategy(PerClass.class)
public class NvmeOnQemuIT {
    @Inject private BundleContext context;

    @Configuration
    public Option[] platform() {
        return Platform.onQemu(
                List.of(
                        "-device",
                        "nvme,drive=e0,serial=large,addr=10,logical_block_size=4096,physical_block_size=4096",
                        "-drive",
                        "id=e0,format=raw,if=none,file=" + Platform.scratchFile(64)),
                "mem:64M");
    }

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
        PciDevice nvme = Platform.service(context, PciDevice.class, "(pci.class=010802)");
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

    private void passesTheKit(String name, int blockSize) throws Exception {
        BlockDevice device =
                Platform.service(context, BlockDevice.class, "(block.name=" + name + ")");
        assertThat(device.blockSize()).isEqualTo(blockSize);
        BlockDeviceKit.of(() -> device).runAll(System.out::println).assertPassed();
    }

    @Test
    public void aDiskPassesTheKit() throws Exception {
        Disk disk = Platform.service(context, Disk.class, "(disk.name=nvme0n1)");
        try (Disk.Access access = disk.open(Disk.OpenMode.WRITE_EXCLUSIVE, "test")) {
            BlockDeviceKit.of(() -> access).runAll(System.out::println).assertPassed();
        }
    }
}
