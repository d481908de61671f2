package helix.driver.block.nvme;

import helix.hal.api.DeviceException;

/// The controller ended an admin command with an error status.
final class CommandFailedException extends DeviceException {
    private static final long serialVersionUID = 1;

    private final int status;

    CommandFailedException(String device, AdminCommand command, int status) {
        super(device + ": " + command.name() + " failed: " + StatusCode.text(status));
        this.status = status;
    }

    /// Type and code, see [StatusCode].
    int status() {
        return status;
    }
}
