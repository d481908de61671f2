package helix.integration.conformance;

import helix.hal.api.machine.Machine;
import helix.hal.sim.SimMachine;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.ModelFactory;
import helix.hal.sim.nvme.NvmeFactory;
import helix.hal.sim.virtio.VirtioBlkFactory;
import helix.hal.sim.virtio.VirtioNetFactory;
import java.util.HashMap;
import java.util.Map;

/// The embedded machine's models of the devices, set up as QEMU's are.
final class SimBench implements Bench {
    private final SimMachine machine;

    SimBench() {
        ModelFactory nets = new VirtioNetFactory();
        machine =
                SimMachine.builder()
                        .seed(1)
                        .threaded()
                        .memory(64L << 20)
                        .plug(
                                "nv",
                                model(
                                        new NvmeFactory(),
                                        "nv",
                                        "backing=mem:8M,namespaces=2,queues=4,serial=conformance"))
                        .plug(
                                "vb",
                                model(
                                        new VirtioBlkFactory(),
                                        "vb",
                                        "backing=mem:4M,queues=2,queue-size=64,serial=conformance,packed=on,iommu_platform=off"))
                        .plug(
                                "vn",
                                model(
                                        nets,
                                        "vn",
                                        "peer=switch=wire,mac=52:54:00:00:00:01,packed=on,iommu_platform=off"))
                        .plug(
                                "vp",
                                model(
                                        nets,
                                        "vp",
                                        "peer=switch=wire,mac=52:54:00:00:00:02,packed=on,iommu_platform=off"))
                        .build();
    }

    private static DeviceModel model(ModelFactory factory, String id, String options) {
        Map<String, String> map = new HashMap<>();
        for (String option : options.split(",", -1)) {
            int equals = option.indexOf('=');
            map.put(option.substring(0, equals), option.substring(equals + 1));
        }
        return factory.create(id, map);
    }

    @Override
    public Machine machine() {
        return machine;
    }

    @Override
    public void close() {
        machine.close();
    }
}
