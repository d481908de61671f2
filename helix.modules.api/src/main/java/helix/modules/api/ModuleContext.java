package helix.modules.api;

import helix.hal.api.Device;
import helix.hal.api.Lease;
import java.util.Map;
import org.osgi.annotation.versioning.ProviderType;

/// The platform's side of one generation of a module.
@ProviderType
public interface ModuleContext {
    /// The device.
    ///
    /// @return as the constructor got it
    Device device();

    /// The right to the device, for the HAL's services.
    ///
    /// @return valid until `stop` has returned or the platform revoked it
    Lease lease();

    /// Whether this generation takes over from the one before: then [Module#restoreState] follows
    /// [Module#init], the lease was passed on, and the device is at work.
    ///
    /// @return false if the device is this generation's to reset and bring up
    boolean takesOver();

    /// The number of this device among those of its driver, kept for the device while the instance
    /// lives: 0 for the first by address. The NVMe controller with unit 0 is `nvme0`.
    ///
    /// @return 0 or more
    int unit();

    /// Prefix and unit: `nvme0`.
    ///
    /// @return the name to use in messages and thread names
    String name();

    /// What annotation and bundle say of the driver.
    ///
    /// @return name, description and version
    ModuleInfo describe();

    /// Publishes a class service: a block device, say. Properties that identify the device, driver
    /// and generation are added.
    ///
    /// @param type the interface
    /// @param service the object; it must not be used by the platform after the module has stopped
    /// @param properties what identifies this service beside the device
    /// @param <T> the interface
    /// @return withdraws the service; withdrawn in any case before `stop`
    <T> Registration publish(Class<T> type, T service, Map<String, ?> properties);

    /// Runs an agent on a thread of the platform until it is closed. It begins after `start` has
    /// returned.
    ///
    /// @param name what it does, for thread names: `timeouts`
    /// @param agent the work
    /// @param idle what to do when there is no work
    /// @return ends the agent; ended in any case before `stop`
    AgentHandle agent(String name, Agent agent, Idle idle);

    /// Reports that the module cannot go on. The platform stops it and resets the device; its state
    /// becomes FAILED.
    ///
    /// @param reason one line
    /// @param cause what led to it
    void fail(String reason, Throwable cause);

    /// Something that can be taken back.
    @ProviderType
    interface Registration extends AutoCloseable {
        /// Takes it back; a second call does nothing.
        @Override
        void close();
    }

    /// A running agent.
    @ProviderType
    interface AgentHandle extends AutoCloseable {
        /// Ends an agent's pause early. Any thread; allocates nothing.
        void wakeUp();

        /// Ends the agent and waits until it is out; from the agent itself it only ends it.
        @Override
        void close();
    }
}
