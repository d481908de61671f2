package helix.hal.api.machine;

import java.util.Optional;
import org.osgi.annotation.versioning.ConsumerType;

/// Where the messages of MSI and MSI-X can be sent. Each message has an eventfd that becomes
/// readable when it arrives.
@ConsumerType
public interface MessageInterrupts {
    /// Takes messages with consecutive data at one address, as MSI needs them.
    ///
    /// @param count how many; more than one is aligned: the first data is a multiple of the next
    ///   power of two
    /// @return the messages, empty if that many are not free
    Optional<Messages> allocate(int count);

    /// How many single messages are free.
    ///
    /// @return a count
    int available();

    /// Messages that a device may send.
    @ConsumerType
    interface Messages extends AutoCloseable {
        /// The address a device writes to.
        ///
        /// @return a bus address
        long address();

        /// What it writes for the first message; the others count up. It fits 16 bits.
        ///
        /// @return the data
        int data();

        /// The eventfd of a message: non-blocking, readable when the message arrived.
        ///
        /// @param index 0 to count - 1
        /// @return a descriptor's number, owned by the machine
        int eventFd(int index);

        /// Gives the messages back. A second call does nothing.
        @Override
        void close();
    }
}
