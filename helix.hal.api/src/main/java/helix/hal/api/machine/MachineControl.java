package helix.hal.api.machine;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.osgi.annotation.versioning.ConsumerType;

/// What a person or a test can do to a machine that is not real: plug and unplug hardware, and make
/// it fail. A service beside the [Machine], with the same name.
@ConsumerType
public interface MachineControl {
    /// The machine's name.
    ///
    /// @return as [Machine#name()]
    String machine();

    /// Plugs hardware in. Returns when the machine has it; the device service follows.
    ///
    /// @param kind what, such as `nvme`
    /// @param options settings of that kind, such as `file`, `size`, `serial`, `id`
    /// @return the id under which it can be unplugged
    /// @throws helix.hal.api.DeviceException if it cannot be, with the reason
    String plug(String kind, Map<String, String> options);

    /// The kinds that can be plugged.
    ///
    /// @return each with its options in words
    List<Choice> pluggable();

    /// What is plugged and can be unplugged.
    ///
    /// @return ids
    List<String> plugged();

    /// The device that stands for what was plugged.
    ///
    /// @param plugged what [#plug] gave
    /// @return the device's id; empty if it is not known, or not there yet
    default Optional<String> device(String plugged) {
        return Optional.empty();
    }

    /// Unplugs hardware. Returns when the machine has let it go.
    ///
    /// @param id what [#plug] gave, or the id in the profile
    /// @throws helix.hal.api.DeviceException if it cannot be, with the reason
    void unplug(String id);

    /// The faults that this machine can produce.
    ///
    /// @return each with its options in words
    List<Choice> faults();

    /// Produces a fault, or ends it.
    ///
    /// @param name one of [#faults()]
    /// @param options its settings
    /// @return what was done, one line
    /// @throws helix.hal.api.DeviceException if it cannot be, with the reason
    String fault(String name, Map<String, String> options);

    /// Something to choose from.
    ///
    /// @param name its name
    /// @param description what it does and which options it takes
    record Choice(String name, String description) {}
}
