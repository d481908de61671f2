package helix.integration.fuzz;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import helix.bus.api.virtio.VirtioDevice;
import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.NetworkException;
import helix.driver.block.nvme.FuzzedNvme;
import helix.driver.block.virtio.FuzzedVirtioBlock;
import helix.driver.bus.virtio.VirtioBusDriver;
import helix.driver.net.virtio.FuzzedVirtioNet;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.nvme.NvmeFactory;
import helix.hal.sim.virtio.VirtioBlkFactory;
import helix.hal.sim.virtio.VirtioNetFactory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.SplittableRandom;

/// A driver, the model of its device, and what is asked of it.
enum FuzzTarget {
    /// NVM Express.
    NVME {
        @Override
        DeviceModel model(long seed) {
            return new NvmeFactory()
                    .create("fuzzed", Map.of("backing", "mem:4M", "seed", "" + seed));
        }

        @Override
        void bringUp(FuzzStack stack, boolean patient) throws Exception {
            FuzzRig rig = stack.rig();
            stack.add(
                            rig.device(),
                            FuzzedNvme.of(
                                    rig.device(),
                                    rig.mmio(),
                                    rig.irqs(),
                                    rig.dma(),
                                    rig.pci(),
                                    patient))
                    .bringUp();
        }
    },

    /// A virtio disk.
    VIRTIO_BLK {
        @Override
        DeviceModel model(long seed) {
            return new VirtioBlkFactory()
                    .create("fuzzed", Map.of("size", "4M", "packed", packed(seed)));
        }

        @Override
        void bringUp(FuzzStack stack, boolean patient) throws Exception {
            VirtioDevice device = bus(stack);
            stack.add(
                            device,
                            FuzzedVirtioBlock.of(
                                    device, stack.rig().irqs(), stack.rig().dma(), patient))
                    .bringUp();
        }
    },

    /// A virtio network card whose wire leads back what it sends.
    VIRTIO_NET {
        @Override
        DeviceModel model(long seed) {
            return new VirtioNetFactory().create("fuzzed", Map.of("packed", packed(seed)));
        }

        @Override
        void bringUp(FuzzStack stack, boolean patient) throws Exception {
            VirtioDevice device = bus(stack);
            stack.add(
                            device,
                            FuzzedVirtioNet.of(
                                    device, stack.rig().irqs(), stack.rig().dma(), patient))
                    .bringUp();
        }

        @Override
        void calls(FuzzStack stack, SplittableRandom random) {
            NetworkDevice device = stack.top().published(NetworkDevice.class).orElse(null);
            if (device == null) {
                return;
            }
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment back = arena.allocate(2048, 8);
                for (int i = 0; i < CALLS; i++) {
                    try {
                        device.send(frame(arena, device, 60 + random.nextInt(1400), i));
                        int _ = device.recv(back, 1_000_000);
                    } catch (NetworkException e) {
                        if (i == CALLS - 1 || e.reason() != NetworkException.Reason.IO_ERROR) {
                            throw e;
                        }
                    }
                }
            }
        }

        @Override
        void roundTrip(FuzzStack stack) {
            NetworkDevice device = stack.top().published(NetworkDevice.class).orElseThrow();
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment back = arena.allocate(2048, 8);
                MemorySegment frame = frame(arena, device, 200, 7);
                device.send(frame);
                int length = device.recv(back, 2_000_000_000L);
                assertThat(length).isEqualTo(200);
                assertThat(back.asSlice(0, length).mismatch(frame)).isEqualTo(-1);
            }
        }
    };

    private static final int CALLS = 300;
    private static final int BYTES = 8192;

    /// The device.
    abstract DeviceModel model(long seed);

    /// Begins a generation of each driver that it takes.
    ///
    /// @param patient whether they have the usual limits
    abstract void bringUp(FuzzStack stack, boolean patient) throws Exception;

    private static String packed(long seed) {
        return (seed & 1) == 0 ? "off" : "on";
    }

    private static VirtioDevice bus(FuzzStack stack) throws Exception {
        FuzzRig rig = stack.rig();
        FuzzRig.Life bus =
                stack.add(rig.device(), new VirtioBusDriver(rig.device(), rig.mmio(), rig.pci()));
        bus.bringUp();
        return bus.published(VirtioDevice.class).orElseThrow();
    }

    private static MemorySegment frame(Arena arena, NetworkDevice device, int length, int number) {
        MemorySegment frame = arena.allocate(length);
        for (int i = 0; i < 6; i++) {
            byte part = (byte) (device.macAddress() >>> (40 - 8 * i));
            frame.set(JAVA_BYTE, i, part);
            frame.set(JAVA_BYTE, 6 + i, part);
        }
        frame.set(JAVA_BYTE, 12, (byte) 0x88);
        frame.set(JAVA_BYTE, 13, (byte) 0xB5);
        for (int i = 14; i < length; i++) {
            frame.set(JAVA_BYTE, i, (byte) (i * number));
        }
        return frame;
    }

    /// Asks much of the driver, which may fail as devices fail.
    void calls(FuzzStack stack, SplittableRandom random) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate(BYTES, 8);
            for (int i = 0; i < CALLS; i++) {
                BlockDevice device = stack.top().published(BlockDevice.class).orElse(null);
                if (device == null) {
                    return;
                }
                long blocks = BYTES / device.blockSize();
                if (blocks == 0 || device.totalBlocks() < blocks) {
                    return;
                }
                try {
                    long at = random.nextLong(device.totalBlocks() - blocks + 1);
                    switch (random.nextInt(3)) {
                        case 0 -> device.readBlock(at, data);
                        case 1 -> device.writeBlock(at, data);
                        default -> device.flush();
                    }
                } catch (BlockException e) {
                    // A device's error; the next call may succeed.
                    if (i == CALLS - 1) {
                        throw e;
                    }
                }
            }
        }
    }

    /// What works on a device that works.
    void roundTrip(FuzzStack stack) {
        try (Arena arena = Arena.ofConfined()) {
            BlockDevice device = stack.top().published(BlockDevice.class).orElseThrow();
            MemorySegment data = arena.allocate(BYTES, 8);
            for (int i = 0; i < BYTES; i++) {
                data.set(JAVA_BYTE, i, (byte) (i * 31));
            }
            device.writeBlock(5, data);
            MemorySegment back = arena.allocate(BYTES, 8);
            device.readBlock(5, back);
            assertThat(back.mismatch(data)).isEqualTo(-1);
        }
    }
}
