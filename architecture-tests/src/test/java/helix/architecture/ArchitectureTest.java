package helix.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.EvaluationResult;
import helix.modules.scan.BundleScanner;
import helix.modules.scan.Finding;
import helix.modules.scan.Rule;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Each rule holds for all bundles, and is seen to catch what breaks it.
class ArchitectureTest {
    private static JavaClasses bundles;

    @BeforeAll
    static void read() throws IOException {
        bundles = Reactor.classes();
    }

    static Stream<Arguments> rules() {
        return Stream.of(
                Arguments.of("arrows point down", Rules.DOWN),
                Arguments.of("others are used by contract", Rules.CONTRACTS),
                Arguments.of("contracts make no system calls", Rules.PURE_CONTRACTS),
                Arguments.of("a driver imports no other driver", Rules.DRIVERS),
                Arguments.of("machines and HAL are apart", Rules.MACHINES),
                Arguments.of("internals are nobody else's", Rules.INTERNALS),
                Arguments.of("downcalls are in helix.posix", Rules.DOWNCALLS));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rules")
    void holds(String name, ArchRule rule) {
        rule.allowEmptyShould(true).check(bundles);
    }

    @Test
    void noBundleIsForgotten() throws IOException {
        try (var folders = Files.list(Path.of("..").toRealPath())) {
            List<String> all =
                    folders.filter(f -> Files.exists(f.resolve("bnd.bnd")))
                            .filter(f -> Files.exists(f.resolve("src/main/java")))
                            .map(f -> f.getFileName().toString())
                            .filter(f -> f.startsWith("helix."))
                            .toList();
            assertThat(Reactor.bundles().keySet())
                    .as("each bundle is a test dependency in architecture-tests/pom.xml")
                    .containsAll(all);
        }
    }

    static Stream<Arguments> planted() {
        return Stream.of(
                Arguments.of(
                        Rules.DOWN,
                        helix.hal.api.planted.UsesModules.class,
                        helix.modules.api.Module.class),
                Arguments.of(
                        Rules.CONTRACTS,
                        helix.shell.planted.UsesHal.class,
                        helix.hal.planted.Hal.class),
                Arguments.of(
                        Rules.PURE_CONTRACTS,
                        helix.hal.api.planted.UsesPosix.class,
                        helix.posix.planted.Posix.class),
                Arguments.of(
                        Rules.DRIVERS,
                        helix.driver.block.planted.UsesNet.class,
                        helix.driver.net.planted.Net.class),
                Arguments.of(
                        Rules.MACHINES,
                        helix.hal.qemu.planted.UsesHal.class,
                        helix.hal.planted.Hal.class),
                Arguments.of(
                        Rules.INTERNALS,
                        helix.shell.planted.UsesInternal.class,
                        helix.modules.internal.planted.Internal.class),
                Arguments.of(
                        Rules.DOWNCALLS,
                        helix.hal.planted.UsesRestricted.class,
                        java.lang.foreign.MemorySegment.class));
    }

    @ParameterizedTest
    @MethodSource("planted")
    void catches(ArchRule rule, Class<?> from, Class<?> to) {
        EvaluationResult result = rule.evaluate(new ClassFileImporter().importClasses(from, to));
        assertThat(result.hasViolation()).isTrue();
        assertThat(result.getFailureReport().getDetails())
                .anySatisfy(d -> assertThat(d).contains(from.getName()).contains(to.getName()));
    }

    @TestFactory
    List<DynamicTest> driversPassTheScanner() throws IOException {
        return Reactor.bundles().entrySet().stream()
                .filter(b -> isDriver(b.getKey()))
                .map(b -> DynamicTest.dynamicTest(b.getKey(), () -> scan(b)))
                .toList();
    }

    private static boolean isDriver(String bundle) {
        return bundle.startsWith("helix.driver.")
                && !bundle.equals("helix.driver.api")
                && !bundle.equals("helix.driver.kit");
    }

    private static void scan(Map.Entry<String, Path> bundle) throws IOException {
        assertThat(BundleScanner.scan(bundle.getValue())).as(bundle.getKey()).isEmpty();
    }

    @Test
    void theScannerCatchesWhatIsPlanted() throws IOException, URISyntaxException {
        Path planted =
                Path.of(
                        ArchitectureTest.class
                                .getProtectionDomain()
                                .getCodeSource()
                                .getLocation()
                                .toURI());
        assertThat(BundleScanner.scan(planted))
                .contains(
                        new Finding(
                                Rule.RESTRICTED_FFM,
                                "helix.hal.planted.UsesRestricted.grow",
                                "java.lang.foreign.MemorySegment.reinterpret"));
    }
}
