package helix.driver.api.serial;

import java.lang.foreign.MemorySegment;
import org.osgi.annotation.versioning.ConsumerType;

/// A port that moves bytes in order, one after the other.
@ConsumerType
public interface SerialPort {
    /// Sets speed and frame.
    ///
    /// @param baud bits per second
    /// @param dataBits 5 to 8
    /// @param parity none, odd or even
    /// @param stopBits 1 or 2
    void configure(int baud, int dataBits, Parity parity, int stopBits);

    /// Reads what is there.
    ///
    /// @param target where the bytes go
    /// @param nanos the longest wait for the first byte
    /// @return how many came
    int read(MemorySegment target, long nanos);

    /// Writes all bytes and waits until the device has taken them.
    ///
    /// @param source the bytes
    void write(MemorySegment source);

    /// How a frame is checked.
    enum Parity {
        /// Not at all.
        NONE,
        /// An odd number of ones.
        ODD,
        /// An even number of ones.
        EVEN
    }
}
