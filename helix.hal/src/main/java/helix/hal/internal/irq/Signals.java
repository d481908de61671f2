package helix.hal.internal.irq;

import helix.hal.api.IrqKind;

/// The device's side of a set of interrupt vectors: how they are enabled, and what tells that one
/// came. Errors: [helix.hal.api.DeviceException] where the machine does not answer.
interface Signals {
    /// The kind.
    IrqKind kind();

    /// How many vectors.
    int count();

    /// The eventfd that a vector's interrupt makes readable.
    int eventFd(int vector);

    /// Before a handler is called. A line that is shared finds out here whether this device raised
    /// it, and masks the device.
    ///
    /// @return whether the handler is to be called
    default boolean begin(int vector) {
        return true;
    }

    /// After a handler was called; what [#begin] masked is unmasked.
    ///
    /// @return whether the device still or again wants to be heard
    default boolean end(int vector) {
        return false;
    }

    /// Truly masks a vector in the device, where that is what masking means.
    default void mask(int vector) {}

    /// Ends [#mask].
    default void unmask(int vector) {}

    /// Whether an interrupt is pending that nobody was told of. Asked when nothing came for a
    /// while.
    boolean isPending(int vector);

    /// The longest time to wait before [#isPending] is asked.
    default long pollMillis() {
        return Vectors.IDLE_MILLIS;
    }

    /// Makes the device raise no more of them.
    void disable();

    /// Gives back what the machine lent for them. No vector's event is waited for any more.
    void release();
}
