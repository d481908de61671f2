package helix.modules.api;

import org.osgi.annotation.versioning.ConsumerType;

/// Work that the platform calls again and again, on one thread.
@ConsumerType
@FunctionalInterface
public interface Agent {
    /// Does what there is to do and returns soon: a call that lasts more than a second counts as
    /// hung.
    ///
    /// @return how much was done, 0 for nothing
    /// @throws Exception if the module cannot go on
    int doWork() throws Exception;
}
