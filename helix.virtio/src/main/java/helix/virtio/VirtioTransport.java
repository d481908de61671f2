package helix.virtio;

import helix.hal.api.MmioRegion;
import org.osgi.annotation.versioning.ConsumerType;

/// A virtio device's registers, whatever bus they are on: the basic facilities of VIRTIO 1.2,
/// chapter 2. Each call is one register access, or the few that a wide register takes. Errors as
/// those of [MmioRegion]. For one thread at a time, but for [#doorbell].
///
/// Interrupts come from `IrqService`, which takes a virtio device's lease as one of the function
/// that it sits on.
@ConsumerType
public interface VirtioTransport {
    /// No interrupt: VIRTIO_MSI_NO_VECTOR.
    int NO_VECTOR = 0xFFFF;

    /// Reads device status, section 2.1.
    ///
    /// @return bits of [DeviceStatus]
    int status();

    /// Writes device status; 0 resets the device.
    ///
    /// @param bits bits of [DeviceStatus]
    void status(int bits);

    /// What the device offers, section 2.2.
    ///
    /// @return feature bits 0 to 63
    long deviceFeatures();

    /// Writes what the driver accepts.
    ///
    /// @param bits feature bits 0 to 63
    void driverFeatures(long bits);

    /// Changes whenever the device changes configuration that takes several reads, section 2.5.
    ///
    /// @return 0 to 255
    int configGeneration();

    /// The device's own configuration.
    ///
    /// @return a region as large as the device says, which may be less than the specification's
    MmioRegion config();

    /// How many queues the device has.
    ///
    /// @return at most 65535
    int queueCount();

    /// The most entries of a queue.
    ///
    /// @param queue 0 to [#queueCount()] - 1
    /// @return 0 if the queue is not available, at most 32768
    int queueSize(int queue);

    /// Sets a queue up and enables it. Reads back what the device took.
    ///
    /// @param queue 0 to [#queueCount()] - 1
    /// @param size how many entries it is to have
    /// @param descriptors device address of the descriptor area
    /// @param driver device address of the driver area
    /// @param device device address of the device area
    /// @param vector the MSI-X vector for its interrupts, or [#NO_VECTOR]
    /// @throws helix.hal.api.DeviceException if the device refuses the vector or does not enable it
    void enableQueue(int queue, int size, long descriptors, long driver, long device, int vector);

    /// Changes what a queue's interrupts go to.
    ///
    /// @param queue a queue
    /// @param vector an MSI-X vector, or [#NO_VECTOR]
    /// @throws helix.hal.api.DeviceException if the device refuses it
    void queueVector(int queue, int vector);

    /// Sets where changes of configuration are told.
    ///
    /// @param vector an MSI-X vector, or [#NO_VECTOR]
    /// @throws helix.hal.api.DeviceException if the device refuses it
    void configVector(int vector);

    /// Begins to reset one queue, if [VirtioFeature#RING_RESET] was negotiated.
    ///
    /// @param queue a queue
    void resetQueue(int queue);

    /// Whether a queue is enabled; false confirms its reset.
    ///
    /// @param queue a queue
    /// @return as the device says
    boolean isQueueEnabled(int queue);

    /// Where a queue's notifications are written, section 4.1.4.4: 16 bits at offset 0. Any thread
    /// may write to it.
    ///
    /// @param queue a queue
    /// @return the register alone
    MmioRegion doorbell(int queue);

    /// What is to be written there.
    ///
    /// @param queue a queue
    /// @return its number, or what the device wants in its place
    int doorbellValue(int queue);

    /// Reads and thereby clears the interrupt status; for a line that is shared.
    ///
    /// @return bit 0 a queue, bit 1 the configuration
    int interruptStatus();
}
