package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import helix.modules.api.ModuleError;
import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Binder.ModuleHealth;
import helix.modules.api.binder.Binder.ModuleStatus;
import java.util.regex.Pattern;
import org.osgi.framework.BundleContext;

/// What becomes of modules whose devices break the rules.
final class Modules {
    /// What a defect of the driver looks like, where a defect of the device has a sentence.
    private static final Pattern ESCAPED =
            Pattern.compile(
                    "java\\.|IndexOutOfBounds|NullPointer|ClassCast|IllegalState|IllegalArgument"
                            + "|Arithmetic|out of bounds|because \"");

    private Modules() {}

    /// Requires that each failure has a reason in so many words, and releases what is quarantined:
    /// a device that failed too often is left alone until somebody says otherwise.
    static void look(BundleContext context) {
        Binder binder = context.getService(context.getServiceReference(Binder.class));
        for (ModuleStatus module : binder.modules()) {
            if (module.state() == Binder.State.FAILED) {
                assertThat(module.reason())
                        .as("%s", module)
                        .isNotBlank()
                        .doesNotContainPattern(ESCAPED);
            }
        }
        for (ModuleHealth health : binder.health()) {
            if (health.quarantined()) {
                try {
                    binder.rebind(health.deviceId());
                } catch (ModuleError e) {
                    assertThat(e.getMessage()).isNotBlank();
                }
            }
        }
    }
}
