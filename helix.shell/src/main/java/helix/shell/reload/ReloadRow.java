package helix.shell.reload;

import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.DeviceReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.shell.CommandFailed;
import helix.shell.Output;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/// A reload as the commands show it: the report, with what its devices have in common or in sum.
///
/// @param id counted from 1 in an instance's life
/// @param time when it was asked for, ISO 8601 in UTC
/// @param driver the driver
/// @param cause why it was done
/// @param from the revision before
/// @param to the revision that was to be put in service
/// @param outcome `COMMITTED`, `REFUSED`, `ROLLED_BACK` or `FAILED`
/// @param mode `warm`, `cold` or `mixed`; null where no device was handed over
/// @param pauseMs the longest of the devices' pauses
/// @param parked requests that came meanwhile and waited
/// @param adopted requests in flight that were taken over
/// @param replayed requests in flight that were submitted again
/// @param failed requests that ended with an error
/// @param otherBundlesTouched how many bundles beside the driver's
/// @param recoveryMs the longest time to 90 % of the former rate; null if it is not known
/// @param step the step that failed, empty if none did
/// @param reason what failed there
/// @param prepareMs time from the request to the first fence
/// @param totalMs time from the request to the end
/// @param devices what happened to each device
public record ReloadRow(
        long id,
        String time,
        String driver,
        String cause,
        String from,
        String to,
        String outcome,
        @Nullable String mode,
        double pauseMs,
        long parked,
        long adopted,
        long replayed,
        long failed,
        int otherBundlesTouched,
        @Nullable Double recoveryMs,
        String step,
        String reason,
        double prepareMs,
        double totalMs,
        List<DeviceReport> devices) {

    /// Looks at a report.
    ///
    /// @param r the report
    /// @return the same in a row
    public static ReloadRow of(ReloadReport r) {
        List<DeviceReport> d = r.devices();
        boolean known = d.stream().allMatch(each -> each.recoveryMs() >= 0);
        return new ReloadRow(
                r.id(),
                r.begun().toString(),
                r.driver(),
                r.cause(),
                r.from(),
                r.to(),
                r.outcome().name(),
                mode(d),
                longest(d, DeviceReport::pauseMs),
                sum(d, DeviceReport::parked),
                sum(d, DeviceReport::adopted),
                sum(d, DeviceReport::replayed),
                sum(d, DeviceReport::failed),
                r.otherBundlesTouched(),
                known && !d.isEmpty() ? longest(d, DeviceReport::recoveryMs) : null,
                r.step(),
                r.reason(),
                r.prepareMs(),
                r.totalMs(),
                d);
    }

    private static @Nullable String mode(List<DeviceReport> devices) {
        if (devices.isEmpty()) {
            return null;
        }
        boolean someWarm = devices.stream().anyMatch(DeviceReport::warm);
        boolean someCold = devices.stream().anyMatch(d -> !d.warm());
        return someWarm && someCold ? "mixed" : someWarm ? "warm" : "cold";
    }

    private static long sum(List<DeviceReport> devices, ToLongFunction<DeviceReport> what) {
        return devices.stream().mapToLong(what).sum();
    }

    private static double longest(List<DeviceReport> devices, ToDoubleFunction<DeviceReport> what) {
        return devices.stream().mapToDouble(what).max().orElse(0);
    }

    /// Prints what a reload came to. What was not committed is a failure of the command.
    ///
    /// @param out where to
    /// @param report what happened
    /// @throws CommandFailed if the new revision does not serve, naming step and reason
    static void print(Output out, ReloadReport report) {
        ReloadRow row = of(report);
        boolean json = out.json(row);
        if (report.outcome() != Outcome.COMMITTED) {
            throw new CommandFailed(row.failure());
        }
        if (!json) {
            out.line(row.text());
        }
    }

    private String text() {
        String moved = from.equals(to) ? driver + " " + to : driver + " " + from + " -> " + to;
        if (devices.isEmpty()) {
            return moved + ": no device, nothing paused";
        }
        return "%s: %s, pause %s ms, %d parked, %d adopted, %d replayed, %d failed"
                .formatted(moved, mode, millis(pauseMs), parked, adopted, replayed, failed);
    }

    private String failure() {
        String what =
                switch (Outcome.valueOf(outcome)) {
                    case REFUSED -> "was refused; " + from + " serves on";
                    case ROLLED_BACK -> "failed and was rolled back; " + from + " serves again";
                    case FAILED -> "failed, and " + from + " could not be brought back";
                    case COMMITTED -> "serves";
                };
        return "%s %s %s (%s: %s)".formatted(driver, to, what, step, reason);
    }

    static String millis(double value) {
        return String.format(Locale.ROOT, "%.1f", value);
    }
}
