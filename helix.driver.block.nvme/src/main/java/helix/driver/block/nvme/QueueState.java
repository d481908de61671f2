package helix.driver.block.nvme;

import helix.modules.api.StateReader;
import helix.modules.api.StateWriter;

/// What an I/O queue pair leaves to the next generation.
///
/// @param handle by what number its client asks for it again, 0 for the plain calls' pair
/// @param id the queue identifier
/// @param nsid the namespace it is for
/// @param vector its interrupt vector, negative for none
/// @param sleeps whether waiting sleeps
/// @param memory where it is
/// @param rings how far both sides are
/// @param commands what the controller has
/// @param requests what clients wait for
record QueueState(
        long handle,
        int id,
        int nsid,
        int vector,
        boolean sleeps,
        Memory memory,
        Rings rings,
        Commands commands,
        Outstanding requests) {
    private static final int MAX_SLOTS = 1 << Slots.SLOT_BITS;
    private static final int MAX_ENTRIES = 1 << 16;

    void write(StateWriter out) {
        out.number(handle);
        out.number(id);
        out.number(nsid);
        out.number(vector);
        out.bool(sleeps);
        memory.write(out);
        rings.write(out);
        commands.write(out);
        requests.write(out);
    }

    /// Reads a queue's state and checks that it is consistent in itself.
    ///
    /// @param granted the highest queue identifier
    /// @param vectors how many interrupt vectors there are
    static QueueState read(StateReader in, int granted, int vectors) {
        long handle = in.longNumber("handle");
        int id = in.number("queue", 1, granted);
        int nsid = in.number("namespace of a queue");
        int vector = in.number("vector", -1, vectors - 1);
        boolean sleeps = in.bool("sleeps");
        Memory memory = Memory.read(in);
        Rings rings = Rings.read(in, memory);
        Commands commands = Commands.read(in, memory.slots);
        Outstanding requests = Outstanding.read(in, memory.slots);
        requests.requireFor(commands);
        return new QueueState(handle, id, nsid, vector, sleeps, memory, rings, commands, requests);
    }

    /// Where the rings and lists are, and how large.
    ///
    /// @param slots how many commands it holds
    /// @param submissionEntries entries of the submission queue
    /// @param completionEntries entries of the completion queue
    /// @param listBytes what each slot has for its list
    /// @param submission the submission queue's address
    /// @param completion the completion queue's address
    /// @param lists the lists' address
    record Memory(
            int slots,
            int submissionEntries,
            int completionEntries,
            int listBytes,
            long submission,
            long completion,
            long lists) {
        void write(StateWriter out) {
            out.number(slots);
            out.number(submissionEntries);
            out.number(completionEntries);
            out.number(listBytes);
            out.number(submission);
            out.number(completion);
            out.number(lists);
        }

        static Memory read(StateReader in) {
            int slots = in.number("slots", 1, MAX_SLOTS);
            return new Memory(
                    slots,
                    in.number("submission entries", slots + 1, MAX_ENTRIES),
                    in.number("completion entries", slots + 1, MAX_ENTRIES),
                    in.number("list bytes", Long.BYTES, 1 << 20),
                    in.longNumber("submission queue"),
                    in.longNumber("completion queue"),
                    in.longNumber("lists"));
        }
    }

    /// How far both sides are.
    ///
    /// @param tail the next submission entry; the controller has been shown all before it
    /// @param head the next completion entry
    /// @param phase what its phase tag will be
    /// @param unreported how many consumed completions the controller has not been told of
    /// @param shownTail the tail doorbell's last value
    /// @param shownHead the head doorbell's last value
    record Rings(int tail, int head, int phase, int unreported, int shownTail, int shownHead) {
        void write(StateWriter out) {
            out.number(tail);
            out.number(head);
            out.number(phase);
            out.number(unreported);
            out.number(shownTail);
            out.number(shownHead);
        }

        static Rings read(StateReader in, Memory memory) {
            int lastSubmission = memory.submissionEntries - 1;
            int lastCompletion = memory.completionEntries - 1;
            Rings rings =
                    new Rings(
                            in.number("tail", 0, lastSubmission),
                            in.number("head", 0, lastCompletion),
                            in.number("phase", 0, 1),
                            in.number("unreported entries", 0, lastCompletion),
                            in.number("tail doorbell", 0, lastSubmission),
                            in.number("head doorbell", 0, lastCompletion));
            StateReader.require(rings.tail == rings.shownTail, "tail not shown", rings.tail);
            int reported = Math.floorMod(rings.head - rings.unreported, memory.completionEntries);
            StateReader.require(reported == rings.shownHead, "head doorbell", rings.shownHead);
            return rings;
        }
    }

    /// The commands that the controller has. Of the other slots only the sequence is kept, so that
    /// a repeated completion is still told from the next one.
    ///
    /// @param sequences of each slot's last command
    /// @param slots those in flight
    /// @param owners the request of each
    /// @param stamps when each was shown, by the [StallClock]
    @SuppressWarnings("ArrayRecordComponent") // written and read, never compared
    record Commands(byte[] sequences, int[] slots, int[] owners, long[] stamps) {
        void write(StateWriter out) {
            out.octets(sequences);
            out.number(slots.length);
            out.numbers(slots);
            out.numbers(owners);
            out.numbers(stamps);
        }

        static Commands read(StateReader in, int slots) {
            byte[] sequences = in.octets("sequences", slots);
            for (byte sequence : sequences) {
                StateReader.require((sequence & 0xF0) == 0, "sequence", sequence);
            }
            int count = in.number("commands in flight", 0, slots);
            Commands commands =
                    new Commands(
                            sequences,
                            in.numbers("slot", count, 0, slots - 1),
                            in.numbers("request of a command", count, 0, slots - 1),
                            in.longNumbers("stamps", count));
            boolean[] seen = new boolean[slots];
            for (int i = 0; i < count; i++) {
                int slot = commands.slots[i];
                StateReader.require(!seen[slot], "slot twice", slot);
                StateReader.require(commands.stamps[i] != 0, "never shown slot", slot);
                seen[slot] = true;
            }
            return commands;
        }
    }

    /// The requests that have not ended yet as their client sees it. The client holds their memory.
    ///
    /// @param depth how many requests the queue holds
    /// @param numbers those outstanding
    /// @param tags the client's
    /// @param commandsLeft how many commands each waits for
    /// @param statuses the first error of each
    /// @param ended those that only have to be polled
    @SuppressWarnings("ArrayRecordComponent") // written and read, never compared
    record Outstanding(
            int depth, int[] numbers, int[] tags, int[] commandsLeft, int[] statuses, int[] ended) {
        private static final int MAX_STATUS = 255;

        void write(StateWriter out) {
            out.number(depth);
            out.number(numbers.length);
            out.numbers(numbers);
            out.numbers(tags);
            out.numbers(commandsLeft);
            out.numbers(statuses);
            out.number(ended.length);
            out.numbers(ended);
        }

        static Outstanding read(StateReader in, int slots) {
            int depth = in.number("depth", 1, slots);
            int count = in.number("requests", 0, depth);
            int[] numbers = in.numbers("request", count, 0, depth - 1);
            int[] tags = in.numbers("tags", count);
            int[] commandsLeft = in.numbers("commands left", count, 0, slots);
            int[] statuses = in.numbers("status", count, 0, MAX_STATUS);
            int ended = in.number("ended requests", 0, count);
            return new Outstanding(
                    depth,
                    numbers,
                    tags,
                    commandsLeft,
                    statuses,
                    in.numbers("ended request", ended, 0, depth - 1));
        }

        /// Each request waits for as many commands as there are of it; those that wait for none
        /// have ended.
        void requireFor(Commands commands) {
            int[] left = new int[depth];
            for (int owner : commands.owners) {
                StateReader.require(owner < depth, "request of a command", owner);
                left[owner]++;
            }
            boolean[] known = new boolean[depth];
            boolean[] waits = new boolean[depth];
            for (int i = 0; i < numbers.length; i++) {
                int number = numbers[i];
                StateReader.require(!known[number], "request twice", number);
                StateReader.require(
                        commandsLeft[i] == left[number], "commands left of request", number);
                known[number] = true;
                waits[number] = left[number] > 0;
                left[number] = 0;
            }
            for (int number : ended) {
                StateReader.require(known[number] && !waits[number], "ended request", number);
                waits[number] = true;
            }
            for (int number = 0; number < depth; number++) {
                StateReader.require(left[number] == 0, "commands of no request", number);
                StateReader.require(!known[number] || waits[number], "lost request", number);
            }
        }
    }
}
