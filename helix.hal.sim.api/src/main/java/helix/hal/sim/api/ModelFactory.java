package helix.hal.sim.api;

import helix.hal.api.DeviceException;
import java.util.Map;
import org.osgi.annotation.versioning.ConsumerType;

/// Makes models of one kind. Published as a service, so that `machine:plug KIND` and profiles know
/// the kind; a bundle with nothing but this and a [DeviceModel] adds hardware to the machine.
@ConsumerType
public interface ModelFactory {
    /// The kind's name.
    ///
    /// @return lower case, unique: `nvme`
    String kind();

    /// What it is and which options it takes.
    ///
    /// @return one line
    String description();

    /// Makes a model.
    ///
    /// @param id what it will be plugged under, for messages
    /// @param options by name; one that is not known is an error
    /// @return a model without power
    /// @throws DeviceException if the options are wrong, with the reason
    DeviceModel create(String id, Map<String, String> options);
}
