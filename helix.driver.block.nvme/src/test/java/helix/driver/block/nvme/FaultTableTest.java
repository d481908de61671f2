package helix.driver.block.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockStatus;
import helix.hal.api.DeviceException;
import helix.hal.api.lease.LeaseService.Release;
import helix.hal.api.machine.MachineControl;
import helix.hal.sim.nvme.NvmeFactory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Every fault that the embedded machine and its controller offer: how the request that meets it
/// ends, that its lease's end is confirmed, and that the next generation works. What happened is
/// the table of `docs/simulated-machine-faults.md`.
class FaultTableTest {
    private static final int BYTES = 4096;
    private static final Duration RELEASE = Duration.ofSeconds(5);

    /// What a reset may take, CAP.TO, which is 5 s, and the request's time-out with its abort.
    private static final Duration LIMIT = Duration.ofSeconds(8);

    /// A fault.
    ///
    /// @param name as `machine:fault` has it
    /// @param options its settings, separated by spaces
    /// @param early whether it is there before the driver is
    /// @param end what ends it, empty where it ends itself
    private record Fault(String name, String options, boolean early, String end) {}

    private static final List<Fault> FAULTS =
            List.of(
                    new Fault("media-error", "lba=0 count=8", false, ""),
                    new Fault("time-out", "times=1", false, ""),
                    new Fault("admin-stuck", "opcode=6 times=1", true, ""),
                    new Fault("completion", "field=id", false, ""),
                    new Fault("completion", "field=phase", false, ""),
                    new Fault("completion", "field=status", false, ""),
                    new Fault("identify", "cns=1 offset=512 value=0", true, "off"),
                    new Fault("reset-stuck", "", true, "off"),
                    new Fault("delay", "us=20000", false, "off"),
                    new Fault("fatal", "", false, ""),
                    new Fault("power-cut", "at=1", false, "power-on"),
                    new Fault("drop-interrupts", "count=1", false, "none"),
                    new Fault("interrupt-storm", "count=100000", false, "none"),
                    new Fault("all-ones", "ms=50", false, "none"),
                    new Fault("late-reset", "ms=100", false, "none"),
                    new Fault("slow-device", "us=1000", false, "none"));

    /// What the driver's watch finds at a time of its own: a request may be before it or after.
    private static final Set<String> RACES = Set.of("fatal", "all-ones");

    @Test
    void eachFaultEndsAsTheTableSays() throws IOException {
        List<String> rows = new ArrayList<>();
        for (Fault fault : FAULTS) {
            rows.add(row(fault));
        }
        String page =
                """
                # Faults of the embedded machine, and what the NVMe driver does

                Made by `FaultTableTest`, which fails where this page is not what it would write: a write and a read of
                4 KiB meet the fault; a new generation of the driver works once the fault is over.

                | fault | options | request | lease's end | afterwards |
                | --- | --- | --- | --- | --- |
                """
                        + String.join("\n", rows)
                        + "\n";
        Path made = Path.of("target", "simulated-machine-faults.md");
        Files.createDirectories(made.getParent());
        Files.writeString(made, page);
        Path committed = Path.of("..", "docs", "simulated-machine-faults.md");
        assertThat(Files.exists(committed) ? Files.readString(committed) : "")
                .as("%s: replace it by %s", committed.normalize(), made.toAbsolutePath())
                .isEqualTo(page);
    }

    private static String row(Fault fault) {
        Settings settings =
                Settings.standard()
                        .withTimeouts(
                                Duration.ofMillis(300),
                                Duration.ofMillis(100),
                                Duration.ofMillis(300));
        try (FuzzRig rig =
                new FuzzRig(
                        new NvmeFactory()
                                .create("nvme0", Map.of("backing", "mem:4M", "queues", "4")),
                        1)) {
            MachineControl control = rig.machine().control();
            FuzzRig.Life life = rig.begin(settings);
            if (fault.early()) {
                produce(control, fault.name(), fault.options());
            }
            String request;
            long begun = System.nanoTime();
            try {
                life.bringUp();
                if (!fault.early()) {
                    produce(control, fault.name(), fault.options());
                }
                request = transfer(life.published());
            } catch (DeviceException e) {
                request = "bring-up fails";
            }
            assertThat(System.nanoTime() - begun).as("%s", fault).isLessThan(LIMIT.toNanos());
            if (!fault.end().isEmpty()) {
                end(control, fault);
            }
            Release release = life.end(RELEASE);
            FuzzRig.Life next = rig.begin(Settings.standard());
            next.bringUp();
            if (RACES.contains(fault.name())) {
                assertThat(request)
                        .as("%s", fault)
                        .matches(
                                "write (succeeds|fails: (device gone|no queue)), read"
                                        + " (succeeds|fails: (device gone|no queue))(, same bytes)?");
                request = "each succeeds or fails: device gone, no queue";
            }
            String afterwards = transfer(next.published());
            next.stop();
            assertThat(next.end(RELEASE).confirmed()).isTrue();
            return "| `%s` | %s | %s | %s | %s |"
                    .formatted(
                            fault.name(),
                            fault.options(),
                            request,
                            release.confirmed() ? "reset confirmed" : "not confirmed",
                            afterwards);
        }
    }

    private static void produce(MachineControl control, String name, String options) {
        Map<String, String> map = new HashMap<>(Map.of("id", "nvme0"));
        Stream.of(options.split(" ", -1))
                .filter(o -> !o.isEmpty())
                .forEach(o -> map.put(o.split("=", 2)[0], o.split("=", 2)[1]));
        String _ = control.fault(name, map);
    }

    private static void end(MachineControl control, Fault fault) {
        switch (fault.end()) {
            case "none", "power-on" -> produce(control, fault.end(), "");
            default -> produce(control, fault.name(), "off=on");
        }
    }

    private static String transfer(List<BlockDevice> published) {
        if (published.isEmpty()) {
            return "no disk";
        }
        try (Arena arena = Arena.ofConfined()) {
            BlockDevice device = published.getFirst();
            MemorySegment data = arena.allocate(BYTES, 8);
            for (int i = 0; i < BYTES; i++) {
                data.set(JAVA_BYTE, i, (byte) (i * 31));
            }
            MemorySegment back = arena.allocate(BYTES, 8);
            return one("write", () -> device.writeBlock(0, data))
                    + ", "
                    + one("read", () -> device.readBlock(0, back))
                    + (back.mismatch(data) < 0 ? ", same bytes" : "");
        }
    }

    private static String one(String what, Runnable call) {
        try {
            call.run();
            return what + " succeeds";
        } catch (BlockException e) {
            return what + " fails: " + name(e.status());
        } catch (DeviceException e) {
            return what + " fails: " + name(BlockStatus.DEVICE_GONE);
        }
    }

    /// A device that breaks while a queue is opened is an exception of the HAL's, else a status.
    private static String name(int status) {
        return switch (status) {
            case BlockStatus.MEDIA_ERROR -> "media error";
            case BlockStatus.TIMED_OUT -> "timed out";
            case BlockStatus.ABORTED -> "aborted";
            // What is gone takes its generation along: who is told first is a race.
            case BlockStatus.DEVICE_GONE, BlockStatus.GENERATION_GONE -> "device gone";
            case BlockStatus.NO_QUEUE -> "no queue";
            case BlockStatus.IO_ERROR -> "I/O error";
            default -> "status " + status;
        };
    }
}
