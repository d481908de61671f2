package helix.modules.internal;

import helix.modules.api.Module;
import helix.modules.api.ModuleError;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;
import org.osgi.service.component.ComponentInstance;

/// A driver's component instance and the module in it.
record Instance(ComponentInstance<?> component, Module module) {
    /// The driver bundle's own.
    BundleContext bundleContext() {
        Bundle bundle = FrameworkUtil.getBundle(module.getClass());
        BundleContext context = bundle == null ? null : bundle.getBundleContext();
        if (context == null) {
            throw new ModuleError("the driver's bundle is not active");
        }
        return context;
    }

    /// Gives it back; does nothing if the component runtime was first.
    void dispose() {
        component.dispose();
    }
}
