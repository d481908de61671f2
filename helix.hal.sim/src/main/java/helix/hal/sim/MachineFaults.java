package helix.hal.sim;

import helix.hal.api.DeviceException;
import helix.hal.api.machine.MachineControl.Choice;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// The faults of any device by name, as a person asks for them.
final class MachineFaults {
    static final List<Choice> CHOICES =
            List.of(
                    new Choice("surprise-removal", "id=: pulled out without notice"),
                    new Choice(
                            "all-ones",
                            "id= [ms=1000]: off the bus for a while: reads give all ones"),
                    new Choice("drop-interrupts", "id= [count=1]: the next interrupts are lost"),
                    new Choice(
                            "interrupt-storm",
                            "id= [vector=0] [count=100000]: interrupts that nothing is behind"),
                    new Choice("stuck-reset", "id=: function and bus resets do nothing"),
                    new Choice("late-reset", "id= [ms=500]: off the bus for a while after a reset"),
                    new Choice("slow-device", "id= [us=1000]: looks for work now and then only"),
                    new Choice(
                            "stray-dma",
                            "id= address= [length=64]: writes to memory that nobody told it of"),
                    new Choice("none", "id=: ends all faults above"));

    private MachineFaults() {}

    static String produce(SimMachine machine, String id, String name, Map<String, String> options) {
        SimFaults faults = machine.faults(id);
        return switch (name) {
            case "surprise-removal" -> {
                check(options);
                machine.pull(id);
                yield id + " was pulled out";
            }
            case "all-ones" -> {
                check(options, "ms");
                long ms = number(options, "ms", 1_000);
                faults.allOnes(Duration.ofMillis(ms));
                yield id + " is off the bus for " + ms + " ms";
            }
            case "drop-interrupts" -> {
                check(options, "count");
                long count = number(options, "count", 1);
                faults.dropInterrupts(count);
                yield "the next " + count + " interrupts of " + id + " are lost";
            }
            case "interrupt-storm" -> {
                check(options, "vector", "count");
                long count = number(options, "count", 100_000);
                faults.interruptStorm((int) number(options, "vector", 0), count);
                yield id + " raises " + count + " interrupts";
            }
            case "stuck-reset" -> {
                check(options);
                faults.stuckReset(true);
                yield id + " ignores resets";
            }
            case "late-reset" -> {
                check(options, "ms");
                long ms = number(options, "ms", 500);
                faults.lateReset(Duration.ofMillis(ms));
                yield id + " is off the bus for " + ms + " ms after a reset";
            }
            case "slow-device" -> {
                check(options, "us");
                long us = number(options, "us", 1_000);
                faults.slow(Duration.ofNanos(1_000 * us));
                yield id + " looks for work every " + us + " us";
            }
            case "stray-dma" -> {
                check(options, "address", "length");
                long address = number(options, "address", -1);
                long length = number(options, "length", 64);
                if (address < 0) {
                    throw new DeviceException("stray-dma needs address=");
                }
                yield faults.strayDma(address, length)
                        ? "written: memory at 0x%x is ones now".formatted(address)
                        : "refused: memory at 0x%x is as it was".formatted(address);
            }
            case "none" -> {
                check(options);
                faults.end();
                yield id + " is well";
            }
            default -> throw new DeviceException("no fault " + name);
        };
    }

    private static void check(Map<String, String> options, String... known) {
        for (String name : options.keySet()) {
            if (!Set.of(known).contains(name)) {
                throw new DeviceException(
                        "'%s' is no option here; there is: %s"
                                .formatted(name, new TreeSet<>(Set.of(known))));
            }
        }
    }

    private static long number(Map<String, String> options, String name, long otherwise) {
        String text = options.get(name);
        if (text == null) {
            return otherwise;
        }
        try {
            long value = Long.decode(text);
            if (value >= 0) {
                return value;
            }
        } catch (NumberFormatException e) {
            throw new DeviceException(name + "=" + text + " is no number", e);
        }
        throw new DeviceException(name + "=" + text + " is negative");
    }
}
