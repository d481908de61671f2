package helix.driver.api.block;

import helix.hal.api.DmaBuffer;
import org.jspecify.annotations.Nullable;
import org.osgi.annotation.versioning.ConsumerType;

/// A queue of block requests: submit some, [#kick], [#poll]. For one thread at a time; nothing here
/// allocates, and a request costs no lock.
///
/// Each accepted request ends exactly once, through [#poll], also when the device fails, is
/// unplugged, or its driver goes: then with an error status, and after that every submit is
/// refused. Completions come in any order.
@ConsumerType
public interface BlockQueue extends AutoCloseable {
    /// How many requests it holds.
    ///
    /// @return as opened; may be less than asked for
    int depth();

    /// How many requests have been accepted and not ended.
    ///
    /// @return 0 to [#depth()]
    int inFlight();

    /// Submits a request with one piece of memory. The device may see it at once or at the next
    /// [#kick].
    ///
    /// @param op a [BlockOp] number
    /// @param flags [BlockOp#FUA] or 0
    /// @param lba the first block; 0 for FLUSH
    /// @param blocks how many blocks; 0 for FLUSH
    /// @param buffer the memory, held until the request ends; null for FLUSH, DISCARD and
    ///   WRITE_ZEROES
    /// @param offset where in the buffer the bytes begin
    /// @param tag given back at completion
    /// @return false if the queue is full (it holds [#depth()] requests, or requests in many pieces
    ///   have taken its room: with none in flight every request is taken), or can take nothing any
    ///   more ([#isOpen()])
    /// @throws IllegalArgumentException if the request breaks the device's limits or the buffer's
    ///   bounds, or the device does not reach the buffer
    boolean submit(
            int op,
            int flags,
            long lba,
            int blocks,
            @Nullable DmaBuffer buffer,
            long offset,
            int tag);

    /// Submits a request whose memory is in pieces.
    ///
    /// @param op READ, WRITE or COMPARE
    /// @param flags [BlockOp#FUA] or 0
    /// @param lba the first block
    /// @param blocks how many blocks; as many bytes as the list has
    /// @param list the pieces; may be reused when the call returns
    /// @param tag given back at completion
    /// @return false if the queue is full or can take nothing any more
    /// @throws IllegalArgumentException if the request breaks the device's limits
    boolean submit(int op, int flags, long lba, int blocks, ScatterList list, int tag);

    /// Shows the device what was submitted: one doorbell for all.
    void kick();

    /// Takes completions.
    ///
    /// @param handler called for each, on this thread; it may submit
    /// @param max the most to take
    /// @return how many were taken
    int poll(CompletionHandler handler, int max);

    /// Waits until there may be a completion to poll, in the way the queue was opened for. Shows
    /// the device what was submitted.
    ///
    /// @param nanos the longest wait
    /// @return false if the time passed and nothing came
    boolean await(long nanos);

    /// Ends an [#await] of the owner early. Any thread; allocates nothing.
    default void wake() {}

    /// By what number the next generation's device gives this queue again, with what is in flight:
    /// [BlockDevice#adoptQueue]. Asked for by the platform, while nobody is inside the queue.
    ///
    /// @return the number, 0 if this queue ends with its generation
    default long handle() {
        return 0;
    }

    /// Whether requests are still taken.
    ///
    /// @return false once closed or the device or its driver is gone
    boolean isOpen();

    /// Ends the queue. Requests in flight are waited for or aborted, and their completions, not
    /// polled, are lost. A second call does nothing.
    @Override
    void close();

    /// Told of completions.
    @FunctionalInterface
    interface CompletionHandler {
        /// A request ended.
        ///
        /// @param tag as submitted
        /// @param status a [BlockStatus] number
        void completed(int tag, int status);
    }
}
