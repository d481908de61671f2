package helix.modules.api;

import helix.hal.api.InterruptHandler;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqVectors;

/// Vectors that no device raises: for what a module runs through in [Module#rehearse].
public final class RehearsalVectors implements IrqVectors {
    private final InterruptHandler[] handlers;

    /// Vectors without handlers.
    ///
    /// @param count how many, at least 1
    public RehearsalVectors(int count) {
        handlers = new InterruptHandler[count];
    }

    @Override
    public IrqKind kind() {
        return IrqKind.MSIX;
    }

    @Override
    public int count() {
        return handlers.length;
    }

    @Override
    public void handler(int vector, InterruptHandler handler) {
        handlers[vector] = handler;
        raise(vector);
    }

    @Override
    public void mask(int vector) {
        // Nothing comes.
    }

    @Override
    public void unmask(int vector) {
        // Nothing comes.
    }

    @Override
    public void raise(int vector) {
        handlers[vector].interrupt(vector);
    }

    @Override
    public long delivered(int vector) {
        return 0;
    }

    @Override
    public void close() {
        // Nothing was enabled.
    }
}
