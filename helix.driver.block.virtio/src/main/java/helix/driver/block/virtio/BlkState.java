package helix.driver.block.virtio;

import helix.modules.api.ModuleError;
import helix.modules.api.ModuleState;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// What one generation leaves to the next. Rings, and what is in flight as the device knows it, are
/// in the queues' own memory; this says where, and whose the requests are.
///
/// @param features what was negotiated
/// @param config the configuration
/// @param segments descriptors of the longest request
/// @param serial the serial number, empty if the device has none
/// @param rings by queue number
@SuppressWarnings("ArrayRecordComponent") // never compared
record BlkState(long features, byte[] config, int segments, String serial, List<RingState> rings) {
    static final ModuleState.Schema SCHEMA = new ModuleState.Schema("helix.virtio.blk", 1, 1);

    private static final int HEADER = 64;
    private static final int REQUEST = 16;

    /// A ring and its client.
    ///
    /// @param queueMemory device address of the virtqueue's memory
    /// @param slotMemory device address of headers and statuses
    /// @param handle the client's, 0 without one
    /// @param depth of the client's queue, 0 without one
    /// @param sleeps whether it waits for interrupts
    /// @param requests in flight
    /// @param endedTags what ended and was not polled
    /// @param endedStatuses how
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record RingState(
            long queueMemory,
            long slotMemory,
            long handle,
            int depth,
            boolean sleeps,
            List<Ring.InFlight> requests,
            int[] endedTags,
            int[] endedStatuses) {
        static RingState of(Ring ring) {
            ring.queue().keep();
            long memory = ring.queueMemory.address();
            long slots = ring.slotMemory.address();
            ClientQueue client = ring.client(BlkDevice.CLIENT);
            if (client == null || client.handle() == 0 || client.life.state() != QueueLife.OPEN) {
                int[] none = new int[0];
                return new RingState(memory, slots, 0, 0, false, List.of(), none, none);
            }
            List<Ring.InFlight> requests = new ArrayList<>();
            ring.forEachInFlight(requests::add);
            return new RingState(
                    memory,
                    slots,
                    client.handle(),
                    client.depth(),
                    client.sleeps,
                    requests,
                    client.ended().endedTags(),
                    client.ended().endedStatuses());
        }
    }

    static BlkState of(BlkDevice device, String serial) {
        List<RingState> rings = new ArrayList<>();
        for (Ring ring : device.rings()) {
            rings.add(RingState.of(ring));
        }
        return new BlkState(
                device.config().features(),
                device.config().bytes(),
                device.segments(),
                serial,
                rings);
    }

    ModuleState toModuleState() {
        byte[] name = serial.getBytes(StandardCharsets.UTF_8);
        int bytes = HEADER + config.length + name.length;
        for (RingState ring : rings) {
            bytes += HEADER + REQUEST * (ring.requests.size() + ring.endedTags.length);
        }
        ByteBuffer to = ByteBuffer.allocate(bytes);
        to.putLong(features).putInt(config.length).put(config).putInt(segments);
        to.putInt(name.length).put(name).putInt(rings.size());
        for (RingState ring : rings) {
            to.putLong(ring.queueMemory).putLong(ring.slotMemory).putLong(ring.handle);
            to.putInt(ring.depth).putInt(ring.sleeps ? 1 : 0).putInt(ring.requests.size());
            for (Ring.InFlight request : ring.requests) {
                to.putInt(request.slot()).putInt(request.side());
                to.putInt(request.tag()).putInt(request.phase());
            }
            to.putInt(ring.endedTags.length);
            for (int i = 0; i < ring.endedTags.length; i++) {
                to.putInt(ring.endedTags[i]).putInt(ring.endedStatuses[i]);
            }
        }
        return ModuleState.of(
                SCHEMA.name(), SCHEMA.version(), Arrays.copyOf(to.array(), to.position()));
    }

    /// Reads a state, believing nothing.
    ///
    /// @throws ModuleError if it cannot be
    static BlkState of(ModuleState state) {
        if (!state.schema().equals(SCHEMA.name()) || state.version() != SCHEMA.version()) {
            throw new ModuleError(
                    "no state of schema %s version %d is taken over here"
                            .formatted(state.schema(), state.version()));
        }
        if (!state.isIntact()) {
            throw new ModuleError("the state is damaged");
        }
        try {
            ByteBuffer from = ByteBuffer.wrap(state.data());
            long features = from.getLong();
            byte[] config = new byte[count(from, BlkConfig.BYTES)];
            from.get(config);
            int segments = from.getInt();
            byte[] name = new byte[count(from, 256)];
            from.get(name);
            int rings = count(from, BlkConfig.MAX_QUEUES);
            if (config.length != BlkConfig.BYTES || rings < 1) {
                throw new ModuleError(
                        config.length + " bytes of configuration, " + rings + " queues");
            }
            List<RingState> all = new ArrayList<>();
            for (int i = 0; i < rings; i++) {
                all.add(ring(from));
            }
            String serial = new String(name, StandardCharsets.UTF_8);
            return new BlkState(features, config, segments, serial, List.copyOf(all));
        } catch (BufferUnderflowException e) {
            throw new ModuleError("the state is cut off", e);
        }
    }

    private static RingState ring(ByteBuffer from) {
        long queueMemory = from.getLong();
        long slotMemory = from.getLong();
        long handle = from.getLong();
        int depth = count(from, BlkConfig.MAX_ENTRIES);
        boolean sleeps = from.getInt() != 0;
        List<Ring.InFlight> requests = new ArrayList<>();
        boolean[] taken = new boolean[BlkConfig.MAX_ENTRIES];
        int inFlight = count(from, depth);
        for (int i = 0; i < inFlight; i++) {
            int slot = count(from, BlkConfig.MAX_ENTRIES - 1);
            int side = count(from, 0);
            int tag = from.getInt();
            int phase = count(from, Ring.FLUSH_FOLLOWS);
            if (taken[slot] || phase == Ring.FREE) {
                throw new ModuleError("request " + slot + " twice, or of phase " + phase);
            }
            taken[slot] = true;
            requests.add(new Ring.InFlight(slot, side, tag, phase));
        }
        int ended = count(from, depth - inFlight);
        int[] tags = new int[ended];
        int[] statuses = new int[ended];
        for (int i = 0; i < ended; i++) {
            tags[i] = from.getInt();
            statuses[i] = from.getInt();
        }
        return new RingState(
                queueMemory,
                slotMemory,
                handle,
                depth,
                sleeps,
                List.copyOf(requests),
                tags,
                statuses);
    }

    private static int count(ByteBuffer from, int most) {
        int value = from.getInt();
        if (value < 0 || value > most) {
            throw new ModuleError("state has " + value + " where at most " + most + " can be");
        }
        return value;
    }
}
