package helix.shell;

import helix.modules.api.ModuleError;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.DeviceReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.modules.api.reload.Reloads;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/// An engine that reports what it is told to, and gives the platform a new class loader each time.
public final class FakeReloads implements Reloads {
    public final List<ReloadReport> reports = new ArrayList<>();
    public final List<String> log = new ArrayList<>();
    public Outcome outcome = Outcome.COMMITTED;
    public String refusal = "";
    public boolean alwaysCold;
    public boolean sameLoader;
    public int othersTouched;
    private final FakePlatform platform;

    public FakeReloads(FakePlatform platform) {
        this.platform = platform;
        platform.servedBy = new ClassLoader() {};
    }

    @Override
    public Plan plan(String driver, Path jar, Options options) {
        log.add("plan " + driver + " " + jar.getFileName() + " " + options);
        boolean warm = !options.cold();
        return new Plan(
                driver,
                "0.1.0",
                "0.2.0",
                List.of(
                        new PlannedDevice(
                                "0000:01:00.0",
                                "nvme0",
                                warm,
                                warm ? "" : "asked for",
                                List.of("nvme0n1 open by blk:write"))),
                List.of("helix.driver.block.nvme 0.1.0", "helix.driver.block.nvme 0.2.0"),
                refusal);
    }

    @Override
    public ReloadReport update(String driver, Path jar, Options options) {
        return replace("update", driver, jar.getFileName().toString(), options);
    }

    @Override
    public ReloadReport reload(String driver, Options options) {
        return replace("reload", driver, "0.1.0", options);
    }

    @Override
    public ReloadReport rollback(String driver, Options options) {
        if (reports.isEmpty()) {
            throw new ModuleError("driver " + driver + " has no revision before 0.1.0");
        }
        return replace("rollback", driver, "0.0.9", options);
    }

    private ReloadReport replace(String cause, String driver, String to, Options options) {
        if (!driver.equals("nvme")) {
            throw new IllegalArgumentException("no driver '" + driver + "'");
        }
        log.add(cause + " " + driver + " " + to + " " + options);
        if (outcome == Outcome.COMMITTED && !sameLoader) {
            platform.servedBy = new ClassLoader() {};
        }
        boolean warm = !options.cold() && !alwaysCold;
        DeviceReport device =
                new DeviceReport(
                        "0000:01:00.0",
                        "nvme0",
                        4 + reports.size(),
                        warm,
                        warm ? "" : "no common schema",
                        2.5,
                        0.5,
                        1.5,
                        0.5,
                        3,
                        warm ? 32 : 0,
                        warm ? 0 : 32,
                        0,
                        -1);
        boolean fails = outcome != Outcome.COMMITTED;
        ReloadReport report =
                new ReloadReport(
                        reports.size() + 1,
                        Instant.parse("2026-01-02T03:04:05Z"),
                        driver,
                        cause,
                        "0.1.0",
                        to,
                        outcome,
                        fails ? "verify" : "",
                        fails ? "block 0 reads differently" : "",
                        outcome == Outcome.REFUSED ? List.of() : List.of(device),
                        othersTouched,
                        80,
                        90);
        reports.add(report);
        return report;
    }

    @Override
    public List<ReloadReport> reports() {
        return reports.stream().map(FakeReloads::recovered).toList();
    }

    /// As it is known later.
    private static ReloadReport recovered(ReloadReport r) {
        List<DeviceReport> devices =
                r.devices().stream()
                        .map(d ->
                                new DeviceReport(
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
                                        120))
                        .toList();
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
}
