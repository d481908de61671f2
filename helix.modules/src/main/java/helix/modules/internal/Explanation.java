package helix.modules.internal;

import helix.hal.api.Lease;
import helix.hal.api.lease.LeaseService;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.modules.api.binder.Binder.Rule;
import helix.modules.api.binder.Binder.State;
import helix.modules.internal.FilterTerm.Failure;
import helix.modules.internal.FilterTerm.Score;
import helix.modules.scan.Finding;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Says rule by rule why a device has the driver that it has, or has none.
final class Explanation {
    private final Bindings bindings;
    private final Bringing bringing;
    private final @Nullable LeaseService leases;
    private final List<Rule> rules = new ArrayList<>();

    Explanation(Bindings bindings, Bringing bringing, @Nullable LeaseService leases) {
        this.bindings = bindings;
        this.bringing = bringing;
        this.leases = leases;
    }

    List<Rule> of(String deviceId) {
        KnownDevice device = bindings.device(deviceId);
        if (device == null) {
            add("device " + deviceId, "present", "gone", false);
            module(deviceId);
            return rules;
        }
        String found =
                "%s device of %s".formatted(device.device().bus(), device.device().machine());
        add("device " + deviceId, "present", found, true);
        String reserved = device.reservedFor();
        add(
                "not reserved",
                "not used by the platform itself",
                reserved == null ? "free" : "reserved: " + reserved,
                reserved == null);
        override(deviceId);
        for (Driver driver : bindings.allDrivers()) {
            filters(driver, device);
        }
        chosen(device);
        lease(device);
        module(deviceId);
        return rules;
    }

    private void override(String deviceId) {
        String override = bindings.override(deviceId);
        if (override == null) {
            add("override", "not unbound by hand", "none", true);
        } else if (override.equals(Overrides.UNBOUND)) {
            add("override", "not unbound by hand", "unbound by hand (rebind undoes it)", false);
        } else {
            boolean there = bindings.driver(override) != null;
            String found = there ? "driver " + override + " is there" : "no driver " + override;
            add("override", "bound by hand to " + override, found, there);
        }
    }

    private void filters(Driver driver, KnownDevice device) {
        for (Driver.Match match : driver.matches()) {
            List<Failure> failures = match.term().failures(device.properties());
            String rule = "driver %s: %s".formatted(driver.name(), match.text());
            if (failures.isEmpty()) {
                Score score = match.term().score(device.properties());
                add(rule, match.text(), "matches by " + words(score), true);
            } else {
                add(
                        rule,
                        failures.stream().map(Failure::wanted).collect(Collectors.joining(", ")),
                        failures.stream().map(Failure::found).collect(Collectors.joining(", ")),
                        false);
            }
        }
    }

    private static String words(Score score) {
        return switch (score) {
            case EXACT -> "vendor and device id";
            case CLASS -> "class";
            default -> score.name().toLowerCase(Locale.ROOT) + " property";
        };
    }

    private void chosen(KnownDevice device) {
        Driver driver = bindings.choice(device);
        if (driver == null) {
            add("choice", "a driver", "none", false);
            return;
        }
        String name = "%s %s".formatted(driver.name(), driver.version());
        add("choice", "the best of those that match", name, true);
        List<Finding> findings = bringing.findings(driver.bundle());
        add(
                "check of the class files of " + driver.bundle().getSymbolicName(),
                "nothing that a driver must not do",
                findings.isEmpty() ? "nothing" : Finding.summary(findings),
                findings.isEmpty());
    }

    private void lease(KnownDevice device) {
        LeaseService service = leases;
        if (service == null) {
            add("lease", "a HAL that grants it", "no lease service", false);
            return;
        }
        Optional<Lease> holder = service.holder(device.device());
        ModuleRun run = bindings.run(device.id());
        String owner = holder.map(Lease::owner).orElse("nobody");
        boolean ours =
                run != null && holder.map(h -> h.epoch() == run.status().generation()).orElse(true);
        add("lease", "free or this module's", "held by " + owner, ours || holder.isEmpty());
    }

    private void module(String deviceId) {
        bindings.moduleStatus().stream()
                .filter(m -> m.deviceId().equals(deviceId))
                .findFirst()
                .ifPresentOrElse(
                        m ->
                                add(
                                        "module " + m.name(),
                                        "RUNNING",
                                        text(m),
                                        m.state() == State.RUNNING),
                        () -> add("module", "RUNNING", "none was made", false));
    }

    private static String text(ModuleStatus module) {
        return module.reason().isEmpty()
                ? module.state().toString()
                : module.state() + ": " + module.reason();
    }

    private void add(String rule, String wanted, String found, boolean holds) {
        rules.add(new Rule(rule, wanted, found, holds));
    }
}
