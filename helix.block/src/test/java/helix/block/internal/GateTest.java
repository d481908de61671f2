package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.Deadline;
import org.junit.jupiter.api.Test;

class GateTest {
    private final Gate gate =
            new Gate() {
                @Override
                void wakeSleeper() {
                    // Nobody sleeps here.
                }
            };

    private static Deadline moment() {
        return Deadline.afterMillis(20);
    }

    @Test
    void whoIsInOurCodeIsNotWaitedForForEver() {
        assertThat(gate.enter()).isTrue();
        assertThat(gate.enterFirst(moment())).isFalse();
        assertThat(gate.abandonOrEnter(moment())).isEqualTo(Gate.Way.OCCUPIED);
        gate.leave();
        assertThat(gate.abandonOrEnter(moment())).isEqualTo(Gate.Way.ENTERED);
        assertThat(gate.holdsGate()).isTrue();
    }

    @Test
    void whoIsInTheDriversCodeLosesTheGate() {
        assertThat(gate.enter()).isTrue();
        gate.goInside();
        assertThat(gate.abandonOrEnter(moment())).isEqualTo(Gate.Way.ABANDONED);
        assertThat(gate.comeBack()).isFalse();
        gate.leave();
        assertThat(gate.enter()).isFalse();
    }
}
