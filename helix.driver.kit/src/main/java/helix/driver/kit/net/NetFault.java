package helix.driver.kit.net;

/// What a [FaultyNetworkDevice] can do wrong.
public enum NetFault {
    /// A frame to be sent is taken and never comes out.
    LOST_SENT,
    /// A frame that came is not given to the client.
    LOST_RECEIVED,
    /// A frame comes out twice.
    DOUBLED,
    /// A byte of a frame is changed.
    CORRUPTED,
    /// The last byte of a received frame is missing.
    TRUNCATED,
    /// Two frames come out in the other order.
    SWAPPED,
    /// Of a frame in several segments only the first comes out.
    FIRST_SEGMENT_ONLY,
    /// A frame that was sent does not come back to the pool.
    LEAKED_SENT,
    /// Frames that wait to be received into do not come back when the queue is closed.
    LEAKED_RECEIVING,
    /// Counters are not counted.
    MISCOUNTED,
    /// A frame that is too long or short is taken.
    ANY_SIZE_TAKEN,
    /// A frame after a refused one is dropped from the burst.
    REFUSED_DROPPED,
    /// A queue can be opened twice.
    OPENED_TWICE,
    /// A queue whose pool ran dry stays without frames.
    DRY_FOR_GOOD,
    /// Listeners are not told of the link.
    LINK_UNTOLD,
    /// A wait does not end early.
    WAKE_IGNORED,
    /// A frame is sent by a closed queue.
    CLOSED_SENDS
}
