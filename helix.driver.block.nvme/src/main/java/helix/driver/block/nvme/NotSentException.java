package helix.driver.block.nvme;

import helix.hal.api.DeviceException;

/// An admin command was not shown to the controller, because the machine stands still.
final class NotSentException extends DeviceException {
    private static final long serialVersionUID = 1;

    NotSentException(String device, AdminCommand command, DeviceException cause) {
        super(device + ": " + command.name() + " not sent: " + cause.getMessage(), cause);
    }
}
