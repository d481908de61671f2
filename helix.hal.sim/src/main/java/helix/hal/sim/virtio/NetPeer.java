package helix.hal.sim.virtio;

import java.lang.foreign.MemorySegment;

/// What a network card's wire leads to.
interface NetPeer extends AutoCloseable {
    /// The card is there. Frames come to [NetPort#receive] from now on.
    void attach(NetPort port);

    /// Takes a frame from the card, on the card's thread.
    ///
    /// @param memory the machine's
    /// @param chain struct virtio_net_hdr and the frame
    void send(MemorySegment memory, Chain chain);

    @Override
    void close();

    /// The card's end of the wire. Any thread may call.
    interface NetPort {
        /// Where frames for the card go: header first.
        FrameQueue inbox();

        /// Something is in the inbox.
        void arrived();

        /// The wire came to life, or broke.
        void carrier(boolean up);
    }

    /// Copies a frame into an inbox.
    static void deliver(MemorySegment memory, Chain chain, NetPort to) {
        int length = (int) chain.readableBytes();
        FrameQueue inbox = to.inbox();
        int at = inbox.claim(length);
        if (at >= 0) {
            long _ = chain.copyOut(memory, 0, inbox.bytes(), at, length);
            NetHeader.clean(inbox.bytes(), at);
            inbox.commit(at, length);
            to.arrived();
        }
    }
}
