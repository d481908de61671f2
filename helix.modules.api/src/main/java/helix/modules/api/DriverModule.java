package helix.modules.api;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.osgi.service.component.annotations.ComponentPropertyType;

/// Marks a component as a driver and says what it drives:
///
/// ```
/// @Component(factory = DriverModule.FACTORY)
/// @DriverModule(name = "nvme", description = "NVM Express controllers", match = "(pci.class=010802)")
/// public final class NvmeDriver implements Module {
///     @Activate
///     public NvmeDriver(@Reference PciDevice device, @Reference MmioService mmio) { … }
/// ```
///
/// The parameter for the device is named `device`: the binder targets that reference at one device.
@ComponentPropertyType
@Retention(RetentionPolicy.CLASS)
@Target(ElementType.TYPE)
public @interface DriverModule {
    /// The factory name of all drivers.
    String FACTORY = "helix.driver";

    /// Prefix of the properties that this annotation makes.
    String PREFIX_ = "driver.";

    /// The driver's short name, unique among drivers, lower case.
    ///
    /// @return such as `nvme`
    String name();

    /// What it drives, in a few words.
    ///
    /// @return such as `NVM Express controllers`
    String description();

    /// Filters over the service properties of devices: a device that any of them matches is this
    /// driver's. A match of vendor and device id beats one of the class, and that any other.
    ///
    /// @return LDAP filters, such as `(pci.class=010802)`
    String[] match();

    /// What names of its devices begin with.
    ///
    /// @return such as `nvme`; empty for the driver's name
    String prefix() default "";
}
