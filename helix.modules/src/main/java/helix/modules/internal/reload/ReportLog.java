package helix.modules.internal.reload;

import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.DeviceReport;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/// The last hundred reports.
public final class ReportLog {
    private static final int MOST = 100;

    private final ArrayDeque<ReloadReport> reports = new ArrayDeque<>();
    private long last;

    /// A number for the next report.
    ///
    /// @return counted from 1
    public synchronized long nextId() {
        return ++last;
    }

    /// Keeps a report.
    ///
    /// @param report the report
    public synchronized void add(ReloadReport report) {
        reports.addLast(report);
        if (reports.size() > MOST) {
            reports.removeFirst();
        }
    }

    /// All of them.
    ///
    /// @return a snapshot, the oldest first
    public synchronized List<ReloadReport> list() {
        return List.copyOf(reports);
    }

    /// Adds what was found out later.
    ///
    /// @param id the report's number; nothing happens if it is forgotten
    /// @param deviceId the device
    /// @param recoveryMs how long it took until the former rate was reached
    public synchronized void recovered(long id, String deviceId, double recoveryMs) {
        List<ReloadReport> all = new ArrayList<>(reports);
        reports.clear();
        all.forEach(r -> reports.add(r.id() == id ? with(r, deviceId, recoveryMs) : r));
    }

    private static ReloadReport with(ReloadReport r, String deviceId, double recoveryMs) {
        return withDevices(
                r,
                r.devices().stream()
                        .map(d -> d.device().equals(deviceId) ? with(d, recoveryMs) : d)
                        .toList());
    }

    private static ReloadReport withDevices(ReloadReport r, List<DeviceReport> devices) {
        return new ReloadReport(
                r.id(),
                r.begun(),
                r.driver(),
                r.cause(),
                r.from(),
                r.to(),
                r.outcome(),
                r.step(),
                r.reason(),
                devices,
                r.otherBundlesTouched(),
                r.prepareMs(),
                r.totalMs());
    }

    private static DeviceReport with(DeviceReport d, double recoveryMs) {
        return new DeviceReport(
                d.device(),
                d.module(),
                d.generation(),
                d.warm(),
                d.why(),
                d.pauseMs(),
                d.fenceMs(),
                d.handOverMs(),
                d.verifyMs(),
                d.parked(),
                d.adopted(),
                d.replayed(),
                d.failed(),
                recoveryMs);
    }
}
