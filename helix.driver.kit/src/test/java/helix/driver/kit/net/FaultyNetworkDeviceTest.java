package helix.driver.kit.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/// The kit is worth what it finds: each planted fault fails a case, and no fault none.
class FaultyNetworkDeviceTest {
    private static NetworkDeviceKit kit(FaultyNetworkDevice device) {
        return NetworkDeviceKit.of(() -> device, device).withPatience(50);
    }

    @Test
    void noFault() {
        NetworkDeviceKit.Report report =
                kit(new FaultyNetworkDevice()).withPatience(5_000).runAll(line -> {});
        report.assertPassed();
        assertThat(report.passed()).hasSizeGreaterThan(20);
        assertThat(report.skipped()).hasSize(1);
    }

    @TestFactory
    Stream<DynamicTest> eachFaultIsFound() {
        return Arrays.stream(NetFault.values())
                .map(fault ->
                        DynamicTest.dynamicTest(
                                fault.name(),
                                () ->
                                        assertThat(
                                                        kit(new FaultyNetworkDevice().plant(fault))
                                                                .runAll(line -> {})
                                                                .failed())
                                                .isNotEmpty()));
    }

    /// The device in memory makes an array of each frame.
    @Test
    void allocationIsFound() {
        assertThat(
                        kit(new FaultyNetworkDevice())
                                .withAllocationMeasured()
                                .runAll(line -> {})
                                .failed())
                .singleElement()
                .asString()
                .contains("were allocated");
    }
}
