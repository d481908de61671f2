package helix.block.internal;

import helix.block.api.Disk;
import helix.driver.kit.BlockDeviceKit;
import helix.driver.kit.MemoryBlockDevice;
import helix.driver.kit.junit.BlockDeviceContractTest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/// An open disk keeps to the contract of the devices behind it.
class DiskContractTest extends BlockDeviceContractTest {
    private final Rig rig = new Rig();
    private final MemoryBlockDevice drive = new MemoryBlockDevice(512, 32 * 1024);
    private Disk.Access access;

    @BeforeEach
    void open() {
        rig.serve(drive, "0000:00:04.0", "nvme0n1");
        access = rig.published.getFirst().open(Disk.OpenMode.WRITE_EXCLUSIVE, "contract");
    }

    @AfterEach
    void close() {
        access.close();
    }

    @Override
    protected BlockDeviceKit kit() {
        return BlockDeviceKit.of(() -> access)
                .withPowerCut(drive::powerCut)
                .withAllocationMeasured();
    }
}
