package helix.hal.sim.virtio;

import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.ModelFactory;
import java.util.Map;
import org.osgi.service.component.annotations.Component;

/// Makes virtio block devices.
@Component(service = ModelFactory.class)
public final class VirtioBlkFactory implements ModelFactory {
    @Override
    public String kind() {
        return "virtio-blk";
    }

    @Override
    public String description() {
        return "a virtio block device; file=PATH, or backing=mem:SIZE|null:SIZE (mem:64M), size,"
                + " serial, queues (1), queue-size (256), vectors, logical_block_size, physical_block_size,"
                + " readonly, write-cache, discard, write-zeroes, seg_max, size_max, order=shuffled|fifo,"
                + " packed, event_idx, indirect_desc, in_order, iommu_platform, queue_reset,"
                + " notification_data";
    }

    @Override
    public DeviceModel create(String id, Map<String, String> options) {
        Options given = new Options(options);
        VirtioPciModel.Settings transport = VirtioPciModel.Settings.of(given, true);
        BlkSettings settings = BlkSettings.of(id, given, transport.queueSize());
        given.end();
        return new VirtioPciModel(new BlkDevice(settings), transport);
    }
}
