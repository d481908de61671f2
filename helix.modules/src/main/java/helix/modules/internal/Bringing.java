package helix.modules.internal;

import helix.hal.api.ChildDevice;
import helix.hal.api.Deadline;
import helix.hal.api.Lease;
import helix.hal.api.lease.LeaseService;
import helix.modules.api.Module;
import helix.modules.api.ModuleError;
import helix.modules.scan.BundleScanner;
import helix.modules.scan.Finding;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.ComponentException;
import org.osgi.service.component.ComponentFactory;
import org.osgi.service.component.ComponentInstance;

/// The steps by which a device and a driver become a module: the check of the driver's class files,
/// the grant of the lease, the component instance.
final class Bringing {
    /// A lease and who granted it.
    record Grant(LeaseService by, Lease lease) {}

    private record Verdict(long lastModified, List<Finding> findings) {}

    private final BundleContext context;
    private final Supplier<@Nullable LeaseService> leases;
    private final Map<Long, Verdict> verdicts = new ConcurrentHashMap<>();
    private final Map<String, Long> epochs = new ConcurrentHashMap<>();

    Bringing(BundleContext context, Supplier<@Nullable LeaseService> leases) {
        this.context = context;
        this.leases = leases;
    }

    /// What the class files of a driver's bundle do that a driver must not; kept for its revision.
    List<Finding> findings(Bundle bundle) {
        long revision = bundle.getLastModified();
        Verdict verdict = verdicts.get(bundle.getBundleId());
        if (verdict == null || verdict.lastModified != revision) {
            verdict = new Verdict(revision, BundleScanner.scan(bundle));
            verdicts.put(bundle.getBundleId(), verdict);
        }
        return verdict.findings;
    }

    /// Takes note that a bundle's jar was looked at before it was installed, and is good.
    void accept(Bundle bundle) {
        verdicts.put(bundle.getBundleId(), new Verdict(bundle.getLastModified(), List.of()));
    }

    /// Forgets a bundle.
    void forget(Bundle bundle) {
        verdicts.remove(bundle.getBundleId());
    }

    /// Forgets how far the HAL had counted; another one counts anew.
    void forgetEpochs() {
        epochs.clear();
    }

    /// Refuses a driver that does what a driver must not.
    ///
    /// @return null
    @Nullable Void check(Driver driver) {
        List<Finding> findings = findings(driver.bundle());
        if (!findings.isEmpty()) {
            throw new ModuleError(
                    "bundle %s %s is refused: %s"
                            .formatted(
                                    driver.bundle().getSymbolicName(),
                                    driver.version(),
                                    Finding.summary(findings)));
        }
        return null;
    }

    /// Obtains the lease of the next generation. A bus driver's device is leased from that driver's
    /// own lease, and ends before it.
    Grant grant(KnownDevice device, Driver driver) {
        LeaseService by = leases.get();
        if (by == null) {
            throw new ModuleError("no lease: the HAL is not there");
        }
        String owner = owner(device, driver);
        Lease lease =
                device.device() instanceof ChildDevice child
                        ? by.grantChild(child.parent(), child, owner, child::reset)
                        : by.grant(device.device(), owner);
        epochs.put(device.id(), lease.epoch());
        return new Grant(by, lease);
    }

    /// Passes a device to the next generation as it stands.
    Grant pass(Grant from, KnownDevice device, Driver driver, Deadline deadline) {
        Lease lease = from.by.pass(from.lease, owner(device, driver), deadline);
        epochs.put(device.id(), lease.epoch());
        return new Grant(from.by, lease);
    }

    private String owner(KnownDevice device, Driver driver) {
        // The number is known only after the grant, but one follows the other.
        long next = epochs.getOrDefault(device.id(), 0L) + 1;
        return "%s@%s gen %d".formatted(driver.name(), device.id(), next);
    }

    /// Makes a driver's component instance for a device.
    Instance construct(Driver driver, KnownDevice device) {
        ServiceReference<ComponentFactory<?>> reference = driver.factory();
        ComponentFactory<?> factory = reference == null ? null : context.getService(reference);
        if (reference == null || factory == null) {
            throw new ModuleError("driver " + driver.name() + " is going away");
        }
        try {
            Map<String, String> target =
                    Map.of("device.target", "(service.id=" + device.serviceId() + ")");
            ComponentInstance<?> component =
                    factory.newInstance(FrameworkUtil.asDictionary(target));
            if (component.getInstance() instanceof Module module) {
                return new Instance(component, module);
            }
            component.dispose();
            throw new ModuleError("the component of driver " + driver.name() + " is no Module");
        } catch (ComponentException e) {
            throw new ModuleError(whyNotConstructed(driver, device), e);
        } finally {
            context.ungetService(reference);
        }
    }

    /// The component runtime logs why a constructor failed, and tells its caller nothing.
    private String whyNotConstructed(Driver driver, KnownDevice device) {
        if (device.reference().getBundle() == null) {
            return device.id() + " is going away";
        }
        for (Driver.Need need : driver.needs()) {
            if (need.reference().equals("device")) {
                Object types = device.properties().get(Constants.OBJECTCLASS);
                if (types instanceof String[] all && !List.of(all).contains(need.type())) {
                    return "driver %s wants a %s, %s is a %s"
                            .formatted(driver.name(), need.type(), device.id(), all[0]);
                }
            } else if (context.getServiceReference(need.type()) == null) {
                return "driver %s needs a service %s, there is none"
                        .formatted(driver.name(), need.type());
            }
        }
        return "the constructor of driver %s failed; the log says why".formatted(driver.name());
    }
}
