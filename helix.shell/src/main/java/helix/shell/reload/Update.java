package helix.shell.reload;

import helix.modules.api.reload.Reloads;
import helix.modules.api.reload.Reloads.Plan;
import helix.modules.api.reload.Reloads.PlannedDevice;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Table;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Replaces a driver's revision by that of a jar, under those who use its devices.
@Command(description = "Replaces a driver by the one of a jar while it serves.")
public final class Update extends Report {
    private static final Table<PlannedDevice> DEVICES =
            new Table<PlannedDevice>()
                    .column("DEVICE", PlannedDevice::device)
                    .column("MODULE", PlannedDevice::module)
                    .column("HOW", d -> d.warm() ? "warm" : "cold")
                    .column("WHY", PlannedDevice::why)
                    .column("CONSUMERS", d -> String.join(", ", d.consumers()));

    private final Platform platform;

    @Parameters(index = "0", paramLabel = "<driver>", description = "As helix:drivers names it.")
    private String driver = "";

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "<file>",
            description = "The new revision's .jar file.")
    private @Nullable String jar;

    @Option(names = "--dry-run", description = "Only show what would be touched.")
    private boolean dryRun;

    @Mixin private ReloadOptions how = new ReloadOptions();

    /// Makes the command.
    ///
    /// @param platform where to act
    public Update(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) throws IOException {
        // Without a scope this command goes before Felix's of the same name, which takes numbers.
        if (driver.matches("[0-9]+")) {
            throw new CommandFailed(
                    "'%s' is a bundle's number, not a driver: felix:update %s stops and updates that"
                                    .formatted(driver, driver)
                            + " bundle; helix:drivers lists drivers");
        }
        if (jar == null) {
            throw new CommandFailed(
                    "update %s by which .jar file? (helix:reload %s loads the same one anew)"
                            .formatted(driver, driver));
        }
        Reloads reloads = platform.requireReloads();
        Path file = file(jar);
        if (!Files.exists(file)) {
            throw new NoSuchFileException(jar);
        }
        if (!Files.isRegularFile(file)) {
            throw new CommandFailed(jar + " is no regular file");
        }
        if (dryRun) {
            print(out, reloads.plan(driver, file, how.options()));
        } else {
            ReloadRow.print(out, reloads.update(driver, file, how.options()));
        }
    }

    private static void print(Output out, Plan plan) {
        if (!out.json(plan)) {
            out.line(plan.driver() + " " + plan.from() + " -> " + plan.to());
            if (plan.devices().isEmpty()) {
                out.line("no device is touched");
            } else {
                DEVICES.print(out, plan.devices());
            }
            out.line("bundles: " + String.join(", ", plan.bundles()));
        }
        if (!plan.refusal().isEmpty()) {
            throw new CommandFailed(
                    plan.driver() + " " + plan.to() + " would be refused: " + plan.refusal());
        }
    }
}
