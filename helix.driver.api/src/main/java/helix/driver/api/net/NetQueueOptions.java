package helix.driver.api.net;

/// What a queue of a network device should be like.
///
/// @param index which of the device's queues of that direction, 0 and up
/// @param depth how many frames it holds, at least 1
/// @param interrupts whether [NetQueue#await] sleeps until the device interrupts; else it spins
/// @param passable whether the client can go on with this queue when its driver is replaced
public record NetQueueOptions(int index, int depth, boolean interrupts, boolean passable) {}
