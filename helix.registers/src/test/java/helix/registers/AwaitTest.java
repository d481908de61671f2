package helix.registers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.DeviceTimeoutException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class AwaitTest {
    @Test
    void aWaitEndsWithItsEvent() {
        AtomicInteger asked = new AtomicInteger();
        Await.until(
                "nvme0",
                "ready",
                Duration.ofSeconds(5),
                () -> asked.incrementAndGet() == 30,
                () -> "");
        assertThat(asked).hasValue(30);
    }

    @Test
    void aWaitThatFailsShowsTheRegisters() {
        assertThatThrownBy(() ->
                        Await.until(
                                "nvme0",
                                "CSTS.RDY = 1",
                                Duration.ofMillis(5),
                                () -> false,
                                () -> "CSTS=00000000"))
                .isInstanceOf(DeviceTimeoutException.class)
                .hasMessage("nvme0: no CSTS.RDY = 1 after PT0.005S; CSTS=00000000");
    }
}
