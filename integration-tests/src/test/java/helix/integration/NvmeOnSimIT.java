package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.api.Disk;
import helix.driver.api.block.BlockDevice;
import helix.driver.kit.BlockDeviceKit;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.junit.After;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.junit.PaxExam;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;

/// NVMe on the model of the embedded machine, which completes out of order and can lose its power.
@RunWith(PaxExam.class)
@ExamReactorStrategy(PerClass.class)
public class NvmeOnSimIT extends NvmeTests {
    private static final Duration LIMIT = Duration.ofSeconds(10);
    private static final int OUTAGE_MILLIS = 20;
    private static final Map<String, String> IDS = Map.of("nvme0n1", "nvme0", "nvme1n1", "large");

    @Configuration
    public Option[] platform() {
        return Platform.onSim(
                List.of(
                        "memory 256M",
                        "ports 1",
                        "disk nvme order=shuffled",
                        "device nvme large serial=large block-size=4096 backing=mem:64M order=shuffled",
                        "slot nvme slotted serial=slotted backing=mem:64M"),
                "mem:64M");
    }

    @After
    public void nobodyBrokeTheRules() throws Exception {
        EmbeddedMachine.of(context).assertRulesKept();
    }

    @Override
    BlockDeviceKit kit(String name) throws InterruptedException {
        EmbeddedMachine machine = EmbeddedMachine.of(context);
        return super.kit(name)
                .withPowerCut(() -> {
                    BlockDevice before = device(name);
                    machine.cutPower(IDS.get(name), OUTAGE_MILLIS);
                    await("another " + name, () -> device(name) != before);
                });
    }

    @Override
    BlockDeviceKit kit(Disk disk, Disk.Access access) throws InterruptedException {
        EmbeddedMachine machine = EmbeddedMachine.of(context);
        return super.kit(disk, access).withPowerCut(() -> cut(machine, IDS.get(disk.name()), disk));
    }

    private static void cut(EmbeddedMachine machine, String id, Disk disk) {
        machine.cutPower(id, OUTAGE_MILLIS);
        await("absence", () -> disk.state() == Disk.State.ABSENT);
        await("return", () -> disk.state() == Disk.State.PRESENT);
    }

    private static void await(String what, BooleanSupplier condition) {
        try {
            Platform.await(what, LIMIT, condition);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /// The power cuts were not left out, commands were completed out of order, queues wrapped.
    @Override
    void check(BlockDeviceKit.Report report) throws InterruptedException {
        super.check(report);
        assertThat(report.passed())
                .contains(
                        "FUA writes outlast a power cut",
                        "flushed writes outlast a power cut, others are old or new");
        EmbeddedMachine machine = EmbeddedMachine.of(context);
        assertThat(List.of(machine.counters("nvme0"), machine.counters("large")))
                .as("one of the controllers")
                .anySatisfy(counters -> {
                    assertThat(counters.get("out-of-order")).isGreaterThanOrEqualTo(2);
                    assertThat(counters.get("wraps")).isGreaterThanOrEqualTo(3);
                });
        System.out.println("NvmeOnSimIT: " + machine.counters("nvme0") + machine.counters("large"));
    }

    /// What is in a slot comes back too, when it is long without power and when it is not.
    @Test
    public void aDriveInASlotComesBackWithItsPower() throws Exception {
        EmbeddedMachine machine = EmbeddedMachine.of(context);
        Disk disk = Platform.service(context, Disk.class, "(disk.name=nvme2n1)");
        for (int millis : new int[] {300, 1}) {
            BlockDevice before = device("nvme2n1");
            machine.cutPower("slotted", millis);
            await("another nvme2n1", () -> device("nvme2n1") != before);
            await("return", () -> disk.state() == Disk.State.PRESENT);
        }
    }
}
