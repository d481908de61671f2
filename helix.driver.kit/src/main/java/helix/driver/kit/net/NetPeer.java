package helix.driver.kit.net;

import org.jspecify.annotations.Nullable;

/// What is at the other end of the device's wire.
public interface NetPeer {
    /// Sends a frame to the device.
    ///
    /// @param frame its bytes, without checksum sequence
    void deliver(byte[] frame);

    /// Takes a frame that the device has sent.
    ///
    /// @param nanos how long to wait for one
    /// @return the oldest not taken yet, null if none came
    byte @Nullable [] take(long nanos);

    /// Whether [#link] works.
    ///
    /// @return false unless overridden
    default boolean hasLink() {
        return false;
    }

    /// Takes the link down, or up.
    ///
    /// @param up whether up
    default void link(boolean up) {
        throw new UnsupportedOperationException("no control of the link");
    }

    /// Whether frames that find the device without a buffer are kept for it, not lost.
    ///
    /// @return false unless overridden
    default boolean keepsFrames() {
        return false;
    }
}
