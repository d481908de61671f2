package helix.hal.sim;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/// The example of docs/simulated-machine.md, and how a model is tested without a HAL.
final class ExampleDeviceTest {
    @Test
    void squaresANumber() {
        try (SimMachine machine =
                SimMachine.builder()
                        .seed(1)
                        .stepped()
                        .plug("example", new ExampleDevice())
                        .build()) {
            TestBus bus = TestBus.bringUp(machine, "example");
            bus.enableMessages(1);
            bus.memory().set(JAVA_INT, 0x1000, 12);
            bus.write(0, 0, 8, bus.address(0x1000));
            machine.settle(10);
            assertThat(bus.memory().get(JAVA_INT, 0x1000)).isEqualTo(144);
            assertThat(bus.messages(0)).isEqualTo(1);
            assertThat(machine.status().detail()).isEmpty();
            bus.write(0, 4, 4, 0);
            assertThat(machine.status().detail()).contains("1 violations by drivers");
            assertThat(machine.violations())
                    .containsExactly(
                            new SimMachine.Violation(
                                    "example", "no such register", "4 bytes at 4"));
        }
    }

    @Test
    void docsShowIt() throws IOException {
        Path root = Path.of("").toAbsolutePath().getParent();
        String docs = Files.readString(root.resolve("docs/simulated-machine.md"));
        String source = Files.readString(Path.of("src/test/java/helix/hal/sim/ExampleDevice.java"));
        assertThat(docs).contains("```java\n" + source + "```");
        String body = source.substring(source.indexOf("\nfinal class") + 1);
        assertThat(body.lines()).hasSizeLessThanOrEqualTo(50);
    }
}
