package helix.driver.api.net;

/// What a network device can do.
///
/// @param rxQueues how many queues it receives with
/// @param txQueues how many queues it sends with
/// @param maxDepth the deepest queue, in frames
/// @param maxFrame the longest frame without its checksum sequence, in bytes; what is to be cut may
///   be longer
/// @param maxSegments the most entries of a frame to be sent
/// @param offloads which of [Burst#CHECKSUM], [Burst#TSO4] and [Burst#TSO6] it computes
public record NetworkLimits(
        int rxQueues, int txQueues, int maxDepth, int maxFrame, int maxSegments, int offloads) {}
