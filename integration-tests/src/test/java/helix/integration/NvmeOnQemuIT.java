package helix.integration;

import java.util.List;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;

/// NVMe on the models of QEMU.
@RunWith(PaxExamOnQemu.class)
@ExamReactorStrategy(PerClass.class)
public class NvmeOnQemuIT extends NvmeTests {
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
}
