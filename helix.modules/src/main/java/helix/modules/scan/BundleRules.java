package helix.modules.scan;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// What a driver's manifest must not say.
final class BundleRules {
    /// The header by which a bus driver says that it passes leases on to child devices.
    static final String BUS_DRIVER = "Helix-Bus-Driver";

    /// The package with which it does so.
    static final String LEASE_PACKAGE = "helix/hal/api/lease/";

    private BundleRules() {}

    static boolean mayLease(Map<String, String> headers) {
        return Boolean.parseBoolean(headers.getOrDefault(BUS_DRIVER, "false").strip());
    }

    static List<Finding> check(Map<String, String> headers) {
        List<Finding> findings = new ArrayList<>();
        refuse(headers, "Bundle-Activator", Rule.ACTIVATOR, findings);
        refuse(headers, "ExtensionBundle-Activator", Rule.ACTIVATOR, findings);
        refuse(headers, "Export-Package", Rule.EXPORTS, findings);
        return findings;
    }

    private static void refuse(
            Map<String, String> headers, String header, Rule rule, List<Finding> findings) {
        String value = headers.get(header);
        if (value != null && !value.isBlank()) {
            findings.add(new Finding(rule, "manifest header " + header, value.strip()));
        }
    }
}
