package helix.driver.net.virtio;

import helix.modules.api.ModuleState;
import helix.modules.api.StateReader;
import helix.modules.api.StateWriter;
import java.util.ArrayList;
import java.util.List;

/// What one generation leaves to the next. What is in flight lives in the rings' memory.
///
/// @param features what was agreed upon
/// @param config what the device said of itself, and what was made of it
/// @param vectors how many interrupt vectors there are
/// @param pairs how many pairs of queues are set up
/// @param activePairs how many the device uses
/// @param promiscuous whether it receives all frames
/// @param vlans the VLANs that it receives
/// @param rings device addresses of the rings' memory, by queue; 0 for none
/// @param control the control queue's page, 0 for none
/// @param controlToken the number of its last command
/// @param queues those of clients
@SuppressWarnings("ArrayRecordComponent") // written and read, never compared
record NetState(
        long features,
        NetConfig config,
        int vectors,
        int pairs,
        int activePairs,
        boolean promiscuous,
        int[] vlans,
        long[] rings,
        long control,
        int controlToken,
        List<QueueState> queues) {
    /// The version changes with the meaning of the bytes.
    static final ModuleState.Schema SCHEMA = new ModuleState.Schema("helix.virtio.net", 1, 1);

    private static final int MOST_PAIRS = 0x8000;

    ModuleState toModuleState() {
        StateWriter out = new StateWriter();
        out.number(features);
        out.number(config.mac());
        out.number(config.status());
        out.number(config.maxPairs());
        out.number(config.mtu());
        out.number(config.speed());
        out.number(vectors);
        out.number(pairs);
        out.number(activePairs);
        out.bool(promiscuous);
        out.number(vlans.length);
        out.numbers(vlans);
        out.number(rings.length);
        out.numbers(rings);
        out.number(control);
        out.number(controlToken);
        out.number(queues.size());
        for (QueueState queue : queues) {
            queue.write(out);
        }
        return out.toState(SCHEMA);
    }

    /// Reads a state.
    ///
    /// @throws helix.modules.api.ModuleError if it cannot be right
    static NetState of(ModuleState state) {
        StateReader in = new StateReader(state.data());
        long features = in.longNumber("features");
        NetConfig config =
                new NetConfig(
                        in.longNumber("MAC address"),
                        in.number("status", 0, 0xFFFF),
                        in.number("pairs of the device", 1, MOST_PAIRS),
                        in.number("MTU", 68, 0xFFFF),
                        in.longNumber("speed"));
        int vectors = in.number("vectors", 0, 1 << 11);
        int pairs = in.number("pairs", 1, config.maxPairs());
        int activePairs = in.number("active pairs", 1, pairs);
        boolean promiscuous = in.bool("promiscuous");
        int[] vlans = in.numbers("VLAN", in.number("VLANs", 0, 4096), 0, 4095);
        long[] rings = in.longNumbers("ring", in.number("rings", 2, 2 * pairs + 1));
        long control = in.longNumber("control queue's page");
        int controlToken = in.number("control command");
        int count = in.number("queues", 0, 2 * pairs);
        List<QueueState> queues = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            queues.add(QueueState.read(in, pairs));
        }
        in.end();
        StateReader.require(
                rings.length == 2 * pairs + (control == 0 ? 0 : 1), "rings", rings.length);
        return new NetState(
                features,
                config,
                vectors,
                pairs,
                activePairs,
                promiscuous,
                vlans,
                rings,
                control,
                controlToken,
                queues);
    }
}
