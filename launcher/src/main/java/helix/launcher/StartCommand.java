package helix.launcher;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `start`: the platform as a background process, once it answers.
@Command(name = "start", description = "Starts the platform in the background, until it is ready.")
final class StartCommand implements Callable<Integer> {
    private static final Duration READY_LIMIT = Duration.ofSeconds(60);
    private static final Duration LOOK_EVERY = Duration.ofMillis(20);

    @Mixin private final MachineOptions machine = new MachineOptions();
    @Mixin private final InstanceOptions instance = new InstanceOptions();

    @Override
    public Integer call() {
        Distribution distribution = Distribution.current();
        MachineChoice choice = Session.choose(distribution, machine.checked());
        machine.machine = choice.name();
        Instance served = instance.instance();
        // Taken and given back: refuses a directory in use, and makes the folders.
        try (served) {
            served.open();
            served.forgetControlSocket();
        }
        Path console = served.logs().resolve("console.log");
        try {
            Process process = spawn(distribution, served, console);
            awaitReady(process, served, console);
            return new ControlClient(served).request("status", "");
        } catch (IOException e) {
            throw new Failure("cannot start the platform: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failure("interrupted while the platform was starting", e);
        }
    }

    private Process spawn(Distribution distribution, Instance served, Path console)
            throws IOException {
        List<String> command = new ArrayList<>();
        // A session of its own, so that neither Ctrl-C nor the end of the terminal reaches it.
        MachineChoice.program("setsid").ifPresent(p -> command.add(p.toString()));
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("@" + distribution.conf().resolve("jvm.options"));
        String cache = System.getProperty("helix.aot");
        if (cache != null) {
            command.add("-XX:AOTCache=" + cache);
        }
        command.addAll(List.of("-jar", distribution.launcherJar().toString(), "serve"));
        command.addAll(machine.arguments());
        command.add("--instance=" + served.directory());
        return new ProcessBuilder(command)
                .redirectInput(new File("/dev/null"))
                .redirectErrorStream(true)
                .redirectOutput(console.toFile())
                .start();
    }

    private static void awaitReady(Process process, Instance served, Path console)
            throws IOException, InterruptedException {
        long end = System.nanoTime() + READY_LIMIT.toNanos();
        while (served.controlSocket().isEmpty()) {
            if (process.waitFor(LOOK_EVERY.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new Failure("the platform did not start: " + lastLine(console));
            }
            if (System.nanoTime() - end > 0) {
                process.destroyForcibly();
                throw new Failure(
                        "the platform was not ready within "
                                + READY_LIMIT.toSeconds()
                                + " s; see "
                                + served.logs());
            }
        }
    }

    private static String lastLine(Path console) throws IOException {
        return Files.readString(console, StandardCharsets.UTF_8)
                .lines()
                .filter(l -> !l.isBlank())
                .reduce((a, b) -> b)
                .map(l -> l.replaceFirst("^helix: ", ""))
                .orElse("it said nothing");
    }
}
