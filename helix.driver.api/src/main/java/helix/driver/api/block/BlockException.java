package helix.driver.api.block;

import helix.hal.api.DeviceException;

/// A plain call to a block device that failed.
public final class BlockException extends DeviceException {
    private static final long serialVersionUID = 1;

    /// The [BlockStatus].
    private final int status;

    /// Describes a failure.
    ///
    /// @param what what was tried
    /// @param status a [BlockStatus] number
    public BlockException(String what, int status) {
        super(what + ": " + BlockStatus.text(status));
        this.status = status;
    }

    /// How it failed.
    ///
    /// @return a [BlockStatus] number
    public int status() {
        return status;
    }
}
