package helix.hal.internal.pci;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.internal.device.MachineContext;
import helix.hal.internal.fake.FakeFunction;
import helix.hal.internal.fake.FakeMachine;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class HotPlugSlotTest {
    private final FakeMachine machine = new FakeMachine("fake");
    private final FakeFunction port = FakeFunction.slot();
    private final PciEnumerator enumerator =
            new PciEnumerator(new MachineContext(machine, 0), machine);
    private final List<String> effects = new ArrayList<>();

    @AfterEach
    void close() {
        machine.close();
    }

    private HotPlugSlot slot() {
        machine.with(0x18, port);
        PciBus bus = enumerator.enumerate().children().getFirst();
        PciFunction bridge = bus.bridge();
        assertThat(bridge).isNotNull();
        return new HotPlugSlot(
                bus,
                bridge,
                new HotPlugSlot.Population() {
                    @Override
                    public int populate(PciBus plugged) {
                        enumerator.rescan(plugged);
                        effects.add("populate " + plugged.all());
                        return plugged.all().size();
                    }

                    @Override
                    public void depopulate(PciBus unplugged, boolean surprise) {
                        effects.add((surprise ? "lose " : "depopulate ") + unplugged.all());
                    }

                    @Override
                    public void unreachable(PciBus bus) {
                        effects.add("unreachable");
                    }

                    @Override
                    public void poweredOff(PciBus unplugged) {
                        unplugged.clear();
                    }
                });
    }

    private static FakeFunction card() {
        return new FakeFunction(0x1B36, 0x0010, 0x010802).bar(0, 0x4000, 4);
    }

    @Test
    void anEmptySlotStaysEmpty() {
        HotPlugSlot slot = slot();
        slot.poll();
        assertThat(slot.state()).isEqualTo(HotPlugSlot.State.EMPTY);
        assertThat(port.isIndicatorOn()).isFalse();
    }

    @Test
    void aCardIsSwitchedOnWhenItIsThereAndOffWhenTheButtonIsPressed() {
        HotPlugSlot slot = slot();
        for (int i = 0; i < 3; i++) {
            effects.clear();
            port.plug(card());
            slot.poll();
            assertThat(slot.state()).isEqualTo(HotPlugSlot.State.ON);
            assertThat(port.isIndicatorOn()).isTrue();
            slot.poll();
            assertThat(effects).containsExactly("populate [0000:01:00.0]");
            port.press();
            slot.poll();
            assertThat(effects).hasSize(2).last().isEqualTo("depopulate [0000:01:00.0]");
            assertThat(slot.state()).isEqualTo(HotPlugSlot.State.EMPTY);
            slot.poll();
        }
    }

    @Test
    void aCardThatWasThereFromTheStartIsOn() {
        port.behind(0, card());
        HotPlugSlot slot = slot();
        slot.poll();
        assertThat(slot.state()).isEqualTo(HotPlugSlot.State.ON);
        assertThat(effects).isEmpty();
    }

    @Test
    void aCardThatIsTornOutIsLost() {
        port.behind(0, card());
        HotPlugSlot slot = slot();
        port.tear();
        slot.poll();
        assertThat(effects).containsExactly("lose [0000:01:00.0]");
        assertThat(slot.state()).isEqualTo(HotPlugSlot.State.EMPTY);
    }

    @Test
    void aCardBehindAPortThatWasResetIsNotSwitchedOff() {
        port.behind(0, card());
        HotPlugSlot slot = slot();
        port.config.put(0x19, (byte) 0);
        slot.poll();
        assertThat(effects).containsExactly("unreachable");
        assertThat(port.isIndicatorOn()).isTrue();
        assertThat(slot.state()).isEqualTo(HotPlugSlot.State.ON);
    }

    @Test
    void aCardThatWasExchangedBetweenTwoLooksIsNoticed() {
        port.behind(0, card());
        HotPlugSlot slot = slot();
        port.tear();
        port.plug(card());
        slot.poll();
        slot.poll();
        assertThat(effects).startsWith("lose [0000:01:00.0]");
    }

    @Test
    void aCardThatDoesNotAnswerIsSwitchedOff() {
        HotPlugSlot slot = slot();
        port.plug(new FakeFunction(0xFFFF, 0xFFFF, 0));
        slot.poll();
        assertThat(slot.state()).isEqualTo(HotPlugSlot.State.OFF);
        assertThat(port.isIndicatorOn()).isFalse();
        assertThat(effects).isEmpty();
        slot.poll();
        assertThat(slot.state()).isEqualTo(HotPlugSlot.State.EMPTY);
    }

    @Test
    void aBridgeThatIsPluggedInGetsTheSpareBus() {
        HotPlugSlot slot = slot();
        port.plug(FakeFunction.bridge().behind(0x08, card()));
        slot.poll();
        assertThat(effects).containsExactly("populate [0000:01:00.0, 0000:02:01.0]");
    }
}
