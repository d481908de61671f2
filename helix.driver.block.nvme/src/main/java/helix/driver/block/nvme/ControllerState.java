package helix.driver.block.nvme;

import helix.modules.api.ModuleState;
import helix.modules.api.StateReader;
import helix.modules.api.StateWriter;
import java.util.ArrayList;
import java.util.List;

/// What one generation leaves to the next, so that it goes on without touching the controller: what
/// is known of the controller and agreed with it, and where all queues stand.
///
/// @param cap the CAP register
/// @param version the VS register
/// @param identity Identify Controller, CNS 01h
/// @param writeZeroesLimit WZSL of Identify CNS 06h
/// @param grantedPairs how many I/O queue pairs the controller granted
/// @param vectors how many interrupt vectors there are
/// @param shadow the shadow doorbells' address, 0 if they are not used
/// @param eventIndex the event indexes' address
/// @param stalledNanos by how much the clock of stamps is behind
/// @param resets how often the controller was reset
/// @param admin the admin queue
/// @param namespaces the active namespaces
/// @param plain what the plain calls have
/// @param queues the I/O queues
/// @param leftovers addresses of memory to give back later: of queues that ended
@SuppressWarnings("ArrayRecordComponent") // written and read, never compared
record ControllerState(
        long cap,
        int version,
        byte[] identity,
        int writeZeroesLimit,
        int grantedPairs,
        int vectors,
        long shadow,
        long eventIndex,
        long stalledNanos,
        long resets,
        AdminState admin,
        List<NamespacePages> namespaces,
        PlainState plain,
        List<QueueState> queues,
        long[] leftovers) {
    /// Version 1 is the first.
    static final ModuleState.Schema SCHEMA = new ModuleState.Schema("nvme.controller", 1, 1);

    private static final int MAX_PAIRS = 0xFFFF;
    private static final int MAX_VECTORS = 2048;
    private static final int MAX_LEFTOVERS = 1 << 16;

    int commandsInFlight() {
        int count = 0;
        for (QueueState queue : queues) {
            count += queue.commands().slots().length;
        }
        return count;
    }

    ModuleState toModuleState() {
        StateWriter out = new StateWriter();
        out.number(cap);
        out.number(version);
        out.padded(identity);
        out.number(writeZeroesLimit);
        out.number(grantedPairs);
        out.number(vectors);
        out.number(shadow);
        out.number(eventIndex);
        out.number(stalledNanos);
        out.number(resets);
        admin.write(out);
        out.number(namespaces.size());
        namespaces.forEach(pages -> pages.write(out));
        plain.write(out);
        out.number(queues.size());
        queues.forEach(queue -> queue.write(out));
        out.number(leftovers.length);
        out.numbers(leftovers);
        return out.toState(SCHEMA);
    }

    /// Reads a state and checks that it is consistent in itself.
    ///
    /// @throws helix.modules.api.ModuleError if it is not
    static ControllerState of(ModuleState state) {
        StateReader in = new StateReader(state.data());
        long cap = in.longNumber("CAP");
        int version = in.number("VS");
        byte[] identity = in.padded("identify controller", AdminQueue.DATA_BYTES);
        int writeZeroesLimit = in.number("WZSL", 0, 0xFF);
        int grantedPairs = in.number("granted pairs", 1, MAX_PAIRS);
        int vectors = in.number("vectors", 0, MAX_VECTORS);
        long shadow = in.longNumber("shadow doorbells");
        long eventIndex = in.longNumber("event indexes");
        long stalledNanos = in.longNumber("stalled time");
        long resets = in.longNumber("resets");
        AdminState admin = AdminState.read(in);
        List<NamespacePages> namespaces = new ArrayList<>();
        int count = in.number("namespaces", 0, Namespaces.MAX_NAMESPACES);
        for (int i = 0; i < count; i++) {
            namespaces.add(NamespacePages.read(in));
        }
        PlainState plain = PlainState.read(in, grantedPairs);
        List<QueueState> queues = new ArrayList<>();
        int open = in.number("open queues", 0, grantedPairs);
        for (int i = 0; i < open; i++) {
            queues.add(QueueState.read(in, grantedPairs, vectors));
        }
        long[] leftovers = in.longNumbers("leftovers", in.number("leftovers", 0, MAX_LEFTOVERS));
        in.end();
        return new ControllerState(
                cap,
                version,
                identity,
                writeZeroesLimit,
                grantedPairs,
                vectors,
                shadow,
                eventIndex,
                stalledNanos,
                resets,
                admin,
                namespaces,
                plain,
                queues,
                leftovers);
    }
}
