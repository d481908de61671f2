package helix.driver.api.net;

import org.osgi.annotation.versioning.ConsumerType;

/// What queues in both directions have in common. For one thread at a time, but for [#wake];
/// nothing here allocates, and a frame costs no lock.
@ConsumerType
public interface NetQueue extends AutoCloseable {
    /// How many frames it holds.
    ///
    /// @return as opened; may be less than asked for
    int depth();

    /// The memory that it moves frames in.
    ///
    /// @return as opened with
    FramePool pool();

    /// Waits until there may be something to do, in the way the queue was opened for.
    ///
    /// @param nanos the longest wait
    /// @return false if the time passed
    boolean await(long nanos);

    /// Ends an [#await] of the owner early. Any thread; allocates nothing.
    default void wake() {}

    /// By what number the next generation's device gives this queue again. Asked for by the
    /// platform, while nobody is inside the queue.
    ///
    /// @return the number, 0 if this queue ends with its generation
    default long handle() {
        return 0;
    }

    /// Whether frames are still moved.
    ///
    /// @return false once closed or the device or its driver is gone
    boolean isOpen();

    /// Ends the queue. Frames that it has come back to the pool once the device can reach them no
    /// more: in this call if that can be had, else in a later one, by the thread that uses the
    /// pool; a further call does nothing.
    @Override
    void close();
}
