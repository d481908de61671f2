package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.ops4j.pax.exam.CoreOptions.frameworkProperty;

import helix.block.api.Disk;
import helix.hal.api.machine.MachineControl;
import helix.modules.api.binder.Binder;
import helix.net.api.NetworkInterface;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.inject.Inject;
import org.junit.After;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.junit.PaxExam;
import org.ops4j.pax.exam.options.FrameworkPropertyOption;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;

/// Every fault of the embedded machine's devices under drivers, modules, [Disk] and
/// [NetworkInterface]: how the request that meets it ends, and that the module heals and the next
/// request works. What happened is the table of `docs/simulated-machine-faults.md`.
@RunWith(PaxExam.class)
@ExamReactorStrategy(PerClass.class)
public class FaultsIT {
    private static final String PAGE = "simulated-machine-faults.md";
    private static final String DOCS = "helix.it.docs";
    private static final String[] TIMEOUTS = {
        "helix.nvme.ioTimeoutMillis", "helix.virtio.blk.requestTimeoutMillis"
    };
    private static final Map<String, Integer> DEVICES =
            Map.of("nvme", 5, "virtio-blk", 4, "virtio-net", 4);

    /// Of each kind, this one is in a slot, and meets what is only possible there.
    private static final int IN_SLOT = 0;

    private static final Duration LIMIT = Duration.ofSeconds(90);

    @Inject private BundleContext context;

    @Configuration
    public Option[] platform() throws IOException {
        Path folder = Files.createTempDirectory("helix-it-faults");
        for (String timeout : TIMEOUTS) {
            System.setProperty(timeout, "1000");
        }
        System.setProperty(DOCS, Path.of("..", "docs").toAbsolutePath().normalize().toString());
        List<String> lines = new ArrayList<>(List.of("memory 256M", "ports 3", "disk none"));
        DEVICES.forEach((kind, count) -> {
            for (int i = 0; i < count; i++) {
                Map<String, String> options = options(kind, name(kind, i));
                String id = options.remove("id");
                StringBuilder line =
                        new StringBuilder((i == IN_SLOT ? "slot " : "device ") + kind + " " + id);
                options.forEach((k, v) -> line.append(' ').append(k).append('=').append(v));
                lines.add(line.toString());
            }
        });
        Path profile = folder.resolve("profile");
        Files.write(profile, lines);
        List<Option> options = new ArrayList<>();
        for (Option option : Platform.onQemu()) {
            boolean machine =
                    option instanceof FrameworkPropertyOption given
                            && (given.getKey().equals("helix.machine")
                                    || given.getKey().startsWith("helix.qemu"));
            if (!machine) {
                options.add(option);
            }
        }
        options.add(frameworkProperty("helix.machine").value("sim"));
        options.add(frameworkProperty("helix.profile").value(profile.toString()));
        return options.toArray(Option[]::new);
    }

    @After
    public void timeoutsAreAsUsual() {
        for (String timeout : TIMEOUTS) {
            System.clearProperty(timeout);
        }
    }

    private static String name(String kind, int number) {
        return kind.substring(kind.length() - 3) + number;
    }

    private static String mac(String id) {
        return "52:54:00:fa:17:0" + id.charAt(id.length() - 1);
    }

    /// How a device is made.
    static Map<String, String> options(String kind, String id) {
        return new HashMap<>(
                switch (kind) {
                    case "nvme" -> Map.of("id", id, "backing", "mem:4M", "queues", "4");
                    case "virtio-blk" -> Map.of("id", id, "size", "4M");
                    default -> Map.of("id", id, "mac", mac(id));
                });
    }

    @Test
    public void eachFaultEndsAsTheTableSays() throws Exception {
        Binder binder = Platform.service(context, Binder.class);
        MachineControl machine =
                Platform.service(context, MachineControl.class, "(helix.machine=sim)");
        FaultRun run = new FaultRun(binder, machine);
        Map<String, BlockingQueue<String>> free = new HashMap<>();
        DEVICES.forEach((kind, count) -> {
            free.put(kind, new LinkedBlockingQueue<>());
            free.put("slot " + kind, new LinkedBlockingQueue<>(List.of(name(kind, IN_SLOT))));
            for (int i = IN_SLOT + 1; i < count; i++) {
                free.get(kind).add(name(kind, i));
            }
        });
        List<Future<String>> rows = new ArrayList<>();
        try (ExecutorService workers =
                Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
            for (Fault fault : FaultList.ALL) {
                boolean slot = fault.until() == Fault.Until.ABSENT;
                var from = free.get(slot ? "slot " + fault.kind() : fault.kind());
                rows.add(workers.submit(() -> row(run, fault, from)));
            }
        }
        StringBuilder table = new StringBuilder();
        List<Throwable> failed = new ArrayList<>();
        for (Future<String> row : rows) {
            try {
                table.append(row.get(LIMIT.toSeconds(), TimeUnit.SECONDS)).append('\n');
            } catch (java.util.concurrent.ExecutionException e) {
                failed.add(e.getCause());
                System.out.println("FAULT FAILED " + e.getCause());
            }
        }
        compare(HEAD + table);
        assertThat(failed).isEmpty();
    }

    private String row(FaultRun run, Fault fault, BlockingQueue<String> free) throws Exception {
        String id = free.take();
        try {
            return fault.kind().equals("virtio-net")
                    ? run.row(fault, id, () -> new FaultedCard(card(id)), FaultedCard.WORKS)
                    : run.row(fault, id, () -> new FaultedDisk(disk(id)), FaultedDisk.WORKS);
        } finally {
            free.add(id);
        }
    }

    private Disk disk(String id) throws InterruptedException {
        Disk[] found = new Disk[1];
        Platform.await(
                "disk " + id,
                Duration.ofSeconds(20),
                () -> {
                    for (Disk disk : all(Disk.class)) {
                        if (disk.identity().serial().equals(id) && disk.backing().isPresent()) {
                            found[0] = disk;
                        }
                    }
                    return found[0] != null;
                });
        return found[0];
    }

    private NetworkInterface card(String id) throws InterruptedException {
        long mac = Long.parseLong(mac(id).replace(":", ""), 16);
        NetworkInterface[] found = new NetworkInterface[1];
        Platform.await(
                "interface " + id,
                Duration.ofSeconds(20),
                () -> {
                    for (NetworkInterface net : all(NetworkInterface.class)) {
                        if (net.macAddress() == mac
                                && net.backing().isPresent()
                                && net.isLinkUp()) {
                            found[0] = net;
                        }
                    }
                    return found[0] != null;
                });
        return found[0];
    }

    private <T> List<T> all(Class<T> type) {
        try {
            Collection<ServiceReference<T>> references = context.getServiceReferences(type, null);
            return references.stream().map(context::getService).toList();
        } catch (InvalidSyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static final String HEAD =
            """
            # Faults of the embedded machine, and what Helix does

            Made by `FaultsIT`, which fails where this page is not what it would write. A request meets each fault: a write of 4 KiB by a queue of the `Disk` and a
            read by its plain call; a frame that is sent by the `NetworkInterface` and led back. The drivers' time-out of a request is 1 s there. *Within* is what the
            request may take, with a restart and the time of a busy computer. After each fault the module is RUNNING and the next request works, or the test fails.

            | device | fault | as asked for | request | within | module |
            | --- | --- | --- | --- | --- | --- |
            """;

    private static void compare(String page) throws IOException {
        Path docs = Path.of(System.getProperty(DOCS));
        Path made = docs.resolveSibling("integration-tests").resolve("target").resolve(PAGE);
        Files.writeString(made, page);
        Path committed = docs.resolve(PAGE);
        assertThat(Files.exists(committed) ? Files.readString(committed) : "")
                .as("%s: replace it by %s", committed, made)
                .isEqualTo(page);
    }
}
