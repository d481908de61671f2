package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.modules.api.Idle;
import helix.modules.api.binder.Binder.State;
import helix.modules.probe.Probe;
import java.io.ByteArrayInputStream;
import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.wiring.BundleWiring;

/// Plain OSGi operations on a driver's bundle leave nothing behind.
class ReloadLeakTest {
    private static final int ROUNDS = Boolean.getBoolean("helix.full") ? 200 : 50;

    @TempDir Path folder;
    private TestPlatform platform;

    @BeforeEach
    void boot() throws Exception {
        platform = new TestPlatform(folder);
        Probe.HOOKS.put(
                "start",
                c -> {
                    c.agent("rx", () -> 0, Idle.every(Duration.ofMillis(1)));
                    return null;
                });
        for (int i = 1; i <= 3; i++) {
            platform.device("0000:00:0" + i + ".0");
        }
    }

    @AfterEach
    void shutDown() throws Exception {
        platform.close();
    }

    @Test
    void manyUpdates() throws Exception {
        Bundle driver = platform.driver("1.0.0");
        platform.settle();
        int threads = helixThreads();
        List<WeakReference<ClassLoader>> loaders = new ArrayList<>();
        for (int i = 0; i < ROUNDS; i++) {
            loaders.add(new WeakReference<>(driver.adapt(BundleWiring.class).getClassLoader()));
            String version = i % 2 == 0 ? "2.0.0" : "1.0.0";
            driver.update(
                    new ByteArrayInputStream(TestPlatform.bundle("driver", version, Map.of())));
            platform.settle();
            assertThat(platform.binder.modules()).allMatch(m -> m.state() == State.RUNNING);
            Probe.LOG.clear();
        }
        assertThat(platform.module("pr2").generation()).isEqualTo(ROUNDS + 1);
        assertThat(helixThreads()).isEqualTo(threads);
        platform.await(
                "the end of old class loaders",
                () -> {
                    System.gc();
                    return loaders.stream().filter(l -> l.get() != null).count() <= 1;
                });
    }

    @Test
    void manyStopsAndStarts() throws Exception {
        Bundle driver = platform.driver("1.0.0");
        platform.settle();
        int threads = helixThreads();
        for (int i = 0; i < ROUNDS; i++) {
            driver.stop();
            assertThat(platform.leases.leases()).isEmpty();
            driver.start();
            platform.settle();
            Probe.LOG.clear();
        }
        assertThat(platform.module("pr0").generation()).isEqualTo(ROUNDS + 1);
        assertThat(helixThreads()).isEqualTo(threads);
    }

    private static int helixThreads() {
        return (int)
                Thread.getAllStackTraces().keySet().stream()
                        .filter(t -> t.isAlive() && t.getName().startsWith("helix-"))
                        .count();
    }
}
