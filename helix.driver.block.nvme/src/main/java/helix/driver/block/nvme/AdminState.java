package helix.driver.block.nvme;

import helix.modules.api.StateReader;
import helix.modules.api.StateWriter;

/// What the admin queue pair leaves to the next generation. No command is in flight but
/// Asynchronous Event Requests.
///
/// @param submission the submission queue's address
/// @param completion the completion queue's address
/// @param data the data page's address
/// @param tail the next submission entry
/// @param head the next completion entry
/// @param phase what its phase tag will be
/// @param nextId the next command identifier
/// @param requests which event requests the controller has, by bit
/// @param events those that arrived and were not handled: number and DW0 in turn
@SuppressWarnings("ArrayRecordComponent") // written and read, never compared
record AdminState(
        long submission,
        long completion,
        long data,
        int tail,
        int head,
        int phase,
        int nextId,
        int requests,
        int[] events) {
    void write(StateWriter out) {
        out.number(submission);
        out.number(completion);
        out.number(data);
        out.number(tail);
        out.number(head);
        out.number(phase);
        out.number(nextId);
        out.number(requests);
        out.number(events.length);
        out.numbers(events);
    }

    static AdminState read(StateReader in) {
        AdminState state =
                new AdminState(
                        in.longNumber("admin submission queue"),
                        in.longNumber("admin completion queue"),
                        in.longNumber("admin data"),
                        in.number("admin tail", 0, AdminQueue.ENTRIES - 1),
                        in.number("admin head", 0, AdminQueue.ENTRIES - 1),
                        in.number("admin phase", 0, 1),
                        in.number("admin command identifier", 0, AdminQueue.FIRST_EVENT_ID - 1),
                        in.number("event requests", 0, (1 << AsyncEvents.MAX_REQUESTS) - 1),
                        in.numbers("events", in.number("events", 0, AdminQueue.ENTRIES)));
        StateReader.require(state.events.length % 2 == 0, "half an event", state.events.length);
        for (int i = 0; i < state.events.length; i += 2) {
            int number = state.events[i];
            StateReader.require(
                    number >= 0 && number < AsyncEvents.MAX_REQUESTS, "event request", number);
        }
        return state;
    }
}
