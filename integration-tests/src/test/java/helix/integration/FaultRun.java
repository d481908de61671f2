package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.machine.MachineControl;
import helix.modules.api.ModuleError;
import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Binder.ModuleHealth;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.modules.api.binder.Binder.State;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/// A fault, the request that meets it, and what becomes of the module.
final class FaultRun {
    /// A restart with its pause, and a bring-up after a reset.
    private static final Duration HEAL = Duration.ofSeconds(20);

    private static final Duration SETTLE = Duration.ofMillis(300);

    private final Binder binder;
    private final MachineControl machine;

    /// What a kind of device is asked to do.
    interface Client extends AutoCloseable {
        /// Does it and says how it ended. Another thread's.
        String request();

        boolean isPresent();

        boolean isAbsent();

        /// The id of the device.
        String device();

        @Override
        void close();
    }

    /// Opens what it uses; for each fault twice.
    interface Opener {
        Client open() throws InterruptedException;
    }

    FaultRun(Binder binder, MachineControl machine) {
        this.binder = binder;
        this.machine = machine;
    }

    /// @param works how the request ends on a device that works
    /// @return the row of the table
    String row(Fault fault, String id, Opener opener, String works) throws Exception {
        String request;
        String module;
        String device;
        try (Client client = opener.open()) {
            assertThat(client.request()).as("%s before it", fault).isEqualTo(works);
            device = client.device();
            ModuleStatus before = status(device);
            long begun = System.nanoTime();
            produce(fault.produce(), id, device);
            CompletableFuture<String> asked =
                    CompletableFuture.supplyAsync(
                            client::request, work -> Thread.ofPlatform().daemon().start(work));
            module = "";
            switch (fault.until()) {
                case REQUEST_ENDED -> {
                    request = get(fault, asked);
                    end(fault, id, device);
                }
                case MODULE_FAILED -> {
                    Platform.await(
                            fault + " fails the module",
                            fault.limit(),
                            () -> status(device).state() == State.FAILED);
                    module = "FAILED until the fault ends, ";
                    end(fault, id, device);
                    request = get(fault, asked);
                }
                default -> {
                    request = get(fault, asked);
                    Platform.await(fault + " is absent", HEAL, client::isAbsent);
                    module = "absent until it is plugged, ";
                    before = new ModuleStatus("", "", "", "", 0, State.STOPPED, "", List.of());
                    end(fault, id, device);
                }
            }
            long took = System.nanoTime() - begun;
            System.out.printf(
                    "%s: %s within %d ms%n", fault.kind(), fault.what(), took / 1_000_000);
            awaitRunning(fault, client);
            module += fault.healing(healed(before, status(client.device())));
        }
        try (Client next = opener.open()) {
            assertThat(next.request()).as("%s afterwards", fault).isEqualTo(works);
            forgive(next.device());
        }
        return "| %s | %s | `%s` | %s | %s | %s |"
                .formatted(
                        fault.kind(),
                        fault.what(),
                        fault.produce(),
                        fault.ending(request),
                        fault.limit().toMillis() / 1000.0 + " s",
                        module);
    }

    private static String get(Fault fault, CompletableFuture<String> asked) throws Exception {
        try {
            return asked.get(fault.limit().toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new AssertionError(fault + ": the request has not ended", e);
        } catch (ExecutionException e) {
            throw new AssertionError(fault.toString(), e.getCause());
        }
    }

    private void produce(String commands, String id, String device) {
        for (Fault.Command command : Fault.commands(commands, id)) {
            if (command.name().equals(Fault.REBIND)) {
                rebind(device);
            } else {
                String _ = machine.fault(command.name(), command.options());
            }
        }
    }

    private void end(Fault fault, String id, String device) {
        if (fault.end().equals(Fault.PLUG)) {
            String _ = machine.plug(fault.kind(), FaultsIT.options(fault.kind(), id));
        } else {
            produce(fault.end(), id, device);
        }
    }

    /// A bring-up that fails is one of the things that are looked at.
    private void rebind(String device) {
        try {
            binder.rebind(device);
        } catch (ModuleError e) {
            assertThat(e.getMessage()).isNotBlank();
        }
    }

    private ModuleStatus status(String device) {
        // The bus driver's module has the function's id, the device driver's one below it.
        return binder.module(device)
                .orElse(new ModuleStatus("", device, "", "", 0, State.STOPPED, "", List.of()));
    }

    private void awaitRunning(Fault fault, Client client) throws InterruptedException {
        Platform.await(fault + " is over: " + binder.modules(), HEAL, () -> isSettled(client));
    }

    /// A module that has just failed looks as if it were running.
    private boolean isSettled(Client client) {
        ModuleStatus seen = status(client.device());
        long end = System.nanoTime() + SETTLE.toNanos();
        boolean runs = true;
        while (runs && System.nanoTime() - end < 0) {
            ModuleStatus now = status(client.device());
            runs =
                    client.isPresent()
                            && now.state() == State.RUNNING
                            && now.generation() == seen.generation();
            LockSupport.parkNanos(5_000_000);
        }
        return runs;
    }

    private static String healed(ModuleStatus before, ModuleStatus now) {
        return now.generation() == before.generation() && now.deviceId().equals(before.deviceId())
                ? "same generation"
                : "new generation";
    }

    /// The next fault is counted from 0.
    private void forgive(String device) {
        Optional<ModuleHealth> health =
                binder.health().stream().filter(h -> h.deviceId().equals(device)).findFirst();
        if (health.isPresent() && health.get().failures() > 0) {
            rebind(device);
        }
    }
}
