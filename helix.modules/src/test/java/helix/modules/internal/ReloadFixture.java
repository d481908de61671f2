package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.modules.api.ModuleState.Schema;
import helix.modules.api.binder.Binder.State;
import helix.modules.api.reload.ReloadParticipant;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.DeviceReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.modules.api.reload.Reloads;
import helix.modules.api.reload.Reloads.Options;
import helix.modules.probe.Gadget;
import helix.modules.probe.Probe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/// A device with a driver that is replaced.
abstract class ReloadFixture {
    static final String A = "0000:00:04.0";
    static final String B = "0000:00:05.0";
    static final Options COLD = new Options(true, false, Duration.ofSeconds(5));
    static final Options BRIEF = new Options(false, false, Duration.ofMillis(400));

    @TempDir Path folder;
    TestPlatform platform;
    Reloads reloads;
    final FakeParticipant disks = new FakeParticipant();

    @BeforeEach
    void boot() throws Exception {
        platform = new TestPlatform(folder, Map.of("helix.instance", folder.toString()));
        platform.context.registerService(ReloadParticipant.class, disks, null);
        reloads = platform.context.getService(platform.context.getServiceReference(Reloads.class));
        Probe.SCHEMAS.put("1.0.0", new Schema("probe", 1, 1));
        Probe.SCHEMAS.put("2.0.0", new Schema("probe", 1, 1));
    }

    @AfterEach
    void shutDown() throws Exception {
        platform.close();
    }

    Path jar(String version) throws Exception {
        Path jar = folder.resolve("probe-" + version + ".jar");
        Files.write(jar, TestPlatform.bundle("driver", version, Map.of()));
        return jar;
    }

    void serve(String... devices) throws Exception {
        for (String device : devices) {
            platform.device(device);
        }
        platform.driver("1.0.0");
        platform.settle();
        Probe.LOG.clear();
    }

    ReloadReport update(String version, Options options) throws Exception {
        return reloads.update("probe", jar(version), options);
    }

    DeviceReport device(ReloadReport report) {
        assertThat(report.devices()).hasSize(1);
        return report.devices().getFirst();
    }

    List<String> revisions() {
        return Arrays.stream(platform.context.getBundles())
                .filter(b -> "test.driver".equals(b.getSymbolicName()))
                .map(b -> b.getVersion().toString())
                .toList();
    }

    void serves(String version, long generation) throws Exception {
        assertThat(platform.module(A).state())
                .as(platform.module(A).reason())
                .isEqualTo(State.RUNNING);
        assertThat(platform.module(A).version()).isEqualTo(version);
        assertThat(platform.module(A).name()).isEqualTo("pr0");
        assertThat(platform.module(A).generation()).isEqualTo(generation);
        assertThat(platform.leases.leases()).hasSize(platform.binder.modules().size());
        assertThat(revisions()).containsExactly(version);
        var gadgets = platform.context.getServiceReferences(Gadget.class, "(device.id=" + A + ")");
        assertThat(gadgets).singleElement();
        assertThat(gadgets.iterator().next().getProperty("module.generation"))
                .isEqualTo(generation);
    }

    void notFailed(ReloadReport report) {
        assertThat(report.step() + report.reason()).isEmpty();
        assertThat(report.outcome()).isEqualTo(Outcome.COMMITTED);
    }

    int gadgets() {
        try {
            return platform.context.getServiceReferences(Gadget.class, null).size();
        } catch (org.osgi.framework.InvalidSyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
