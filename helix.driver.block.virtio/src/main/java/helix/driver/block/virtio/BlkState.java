package helix.driver.block.virtio;

import helix.modules.api.ModuleState;
import helix.modules.api.StateReader;
import helix.modules.api.StateWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
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

    private static final int MOST_SERIAL = 256;

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

        private void write(StateWriter out) {
            out.number(queueMemory);
            out.number(slotMemory);
            out.number(handle);
            out.number(depth);
            out.number(sleeps ? 1 : 0);
            out.number(requests.size());
            for (Ring.InFlight request : requests) {
                out.number(request.slot());
                out.number(request.side());
                out.number(request.tag());
                out.number(request.phase());
            }
            out.number(endedTags.length);
            for (int i = 0; i < endedTags.length; i++) {
                out.number(endedTags[i]);
                out.number(endedStatuses[i]);
            }
        }

        private static RingState read(StateReader in) {
            long queueMemory = in.longNumber("queue memory");
            long slotMemory = in.longNumber("slot memory");
            long handle = in.longNumber("handle");
            int depth = in.number("depth", 0, BlkConfig.MAX_ENTRIES);
            boolean sleeps = in.number("sleeps", 0, 1) == 1;
            List<Ring.InFlight> requests = requests(in, depth);
            int ended = in.number("ended requests", 0, depth - requests.size());
            int[] tags = new int[ended];
            int[] statuses = new int[ended];
            for (int i = 0; i < ended; i++) {
                tags[i] = in.number("tag");
                statuses[i] = in.number("status");
            }
            return new RingState(
                    queueMemory, slotMemory, handle, depth, sleeps, requests, tags, statuses);
        }

        private static List<Ring.InFlight> requests(StateReader in, int depth) {
            List<Ring.InFlight> requests = new ArrayList<>();
            BitSet taken = new BitSet();
            int inFlight = in.number("requests", 0, depth);
            for (int i = 0; i < inFlight; i++) {
                int slot = in.number("slot", 0, BlkConfig.MAX_ENTRIES - 1);
                int side = in.number("side", BlkDevice.CLIENT, BlkDevice.CLIENT);
                int tag = in.number("tag");
                int phase = in.number("phase", 0, Ring.FLUSH_FOLLOWS);
                StateReader.require(phase != Ring.FREE, "phase", phase);
                StateReader.require(!taken.get(slot), "twice slot", slot);
                taken.set(slot);
                requests.add(new Ring.InFlight(slot, side, tag, phase));
            }
            return List.copyOf(requests);
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
        StateWriter out = new StateWriter();
        out.number(features);
        out.number(config.length);
        out.octets(config);
        out.number(segments);
        out.number(name.length);
        out.octets(name);
        out.number(rings.size());
        rings.forEach(ring -> ring.write(out));
        return out.toState(SCHEMA);
    }

    /// Reads a state, believing nothing.
    ///
    /// @throws helix.modules.api.ModuleError if it cannot be
    static BlkState of(ModuleState state) {
        StateReader in = StateReader.of(state, SCHEMA);
        long features = in.longNumber("features");
        int bytes = in.number("bytes of configuration", BlkConfig.BYTES, BlkConfig.BYTES);
        byte[] config = in.octets("configuration", bytes);
        int segments = in.number("segments");
        byte[] name = in.octets("serial number", in.number("bytes of it", 0, MOST_SERIAL));
        int rings = in.number("queues", 1, BlkConfig.MAX_QUEUES);
        List<RingState> all = new ArrayList<>();
        for (int i = 0; i < rings; i++) {
            all.add(RingState.read(in));
        }
        in.end();
        String serial = new String(name, StandardCharsets.UTF_8);
        return new BlkState(features, config, segments, serial, List.copyOf(all));
    }
}
