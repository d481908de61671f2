package helix.shell.blk;

import helix.block.api.Disk;
import helix.block.api.Disk.Backing;
import helix.modules.api.binder.Binder.DriverStatus;
import helix.modules.api.reload.Reloads;
import helix.shell.CommandFailed;
import helix.shell.Platform;
import helix.shell.blk.soak.DriverBuilds;
import helix.shell.blk.soak.DriverSwapper;
import helix.shell.blk.soak.SoakRun;
import helix.shell.blk.soak.Soaking;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// What is needed to replace the driver of a disk under load: builds of the driver in service, in a
/// folder that goes when this is closed.
final class SoakReloads implements AutoCloseable {
    private final Platform platform;
    private final Disk disk;
    private final Backing backing;
    private final Reloads reloads;
    private final boolean cold;
    private final Duration period;
    private final Path folder;

    private SoakReloads(Platform platform, Disk disk, boolean cold, Duration period, Path folder) {
        this.platform = platform;
        this.disk = disk;
        this.cold = cold;
        this.period = period;
        this.folder = folder;
        reloads = platform.requireReloads();
        backing =
                disk.backing()
                        .orElseThrow(() -> new CommandFailed(disk.name() + " has no driver now"));
    }

    static SoakReloads prepare(Platform platform, Disk disk, boolean cold, Duration period)
            throws IOException {
        Path folder = Files.createTempDirectory("helix-soak");
        SoakReloads made = null;
        try {
            made = new SoakReloads(platform, disk, cold, period, folder);
            made.build();
            return made;
        } catch (IOException | RuntimeException e) {
            delete(folder);
            throw e;
        }
    }

    private void build() throws IOException {
        String name = backing.driver();
        DriverStatus driver =
                platform.requireBinder().drivers().stream()
                        .filter(d -> d.name().equals(name))
                        .findFirst()
                        .orElseThrow(() -> new CommandFailed("no driver '" + name + "'"));
        Path inService = folder.resolve("in-service.jar");
        platform.copyBundle(driver.bundleId(), inService);
        DriverBuilds.copy(inService, jar("original"));
        DriverBuilds.make(inService, "a", jar("a"));
        DriverBuilds.make(inService, "b", jar("b"));
    }

    private Path jar(String build) {
        return folder.resolve(build + ".jar");
    }

    Soaking.Plan plan(SoakRun run) {
        DriverSwapper swapper =
                new DriverSwapper(
                        reloads,
                        new Reloads.Options(cold, false, Reloads.Options.STANDARD.timeout()),
                        backing.driver(),
                        backing.device(),
                        () -> platform.servedBy(disk),
                        run);
        return new Soaking.Plan(
                swapper,
                List.of(jar("a"), jar("b")),
                jar("original"),
                period,
                cold ? "cold" : "warm");
    }

    @Override
    public void close() throws IOException {
        delete(folder);
    }

    private static void delete(Path folder) throws IOException {
        for (String name : List.of("in-service", "original", "a", "b")) {
            Files.deleteIfExists(folder.resolve(name + ".jar"));
        }
        Files.delete(folder);
    }
}
