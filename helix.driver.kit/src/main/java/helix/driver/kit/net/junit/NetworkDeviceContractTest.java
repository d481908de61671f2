package helix.driver.kit.net.junit;

import helix.driver.kit.net.NetworkDeviceKit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/// The contract of a network device as JUnit tests: a subclass says which device.
public abstract class NetworkDeviceContractTest {
    /// For subclasses.
    protected NetworkDeviceContractTest() {}

    /// The kit for the device under test. Called once for all cases, after `@BeforeEach`.
    ///
    /// @return a kit
    protected abstract NetworkDeviceKit kit();

    /// One test for each case; cases that do not apply are aborted with the reason.
    ///
    /// @return the tests
    @TestFactory
    protected Stream<DynamicTest> contract() {
        return kit().cases().stream()
                .map(each ->
                        DynamicTest.dynamicTest(
                                each.name(),
                                () -> {
                                    each.skip().ifPresent(Assumptions::abort);
                                    each.body().run();
                                }));
    }
}
