package helix.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/// A program beside the benchmark: what serves the device, or the peer that is compared with. Ends
/// with its owner.
final class Backend implements AutoCloseable {
    private static final long SOCKET_MILLIS = 10_000;
    private static final long END_MILLIS = 3000;
    private static final long LOOK_MILLIS = 10;

    private final Process process;
    private final String name;
    private final Path log;
    private final BufferedReader output;
    private final Writer input;

    private Backend(String name, Process process, Path log) {
        this.name = name;
        this.process = process;
        this.log = log;
        output = process.inputReader(StandardCharsets.UTF_8);
        input = process.outputWriter(StandardCharsets.UTF_8);
    }

    /// Starts a program.
    ///
    /// @param directory where its log goes
    /// @param cpu the processor it stays on, below 0 for any
    /// @param command program and arguments
    static Backend start(Path directory, int cpu, List<String> command) throws IOException {
        List<String> all = new ArrayList<>();
        if (cpu >= 0 && find("taskset") != null) {
            all.addAll(List.of("taskset", "-c", Integer.toString(cpu)));
        }
        all.addAll(command);
        String name = Path.of(command.getFirst()).getFileName().toString();
        Path log = Files.createTempFile(directory, name + "-", ".log");
        Process process = new ProcessBuilder(all).redirectError(log.toFile()).start();
        return new Backend(name, process, log);
    }

    /// Where a program is, or null.
    static @org.jspecify.annotations.Nullable Path find(String program) {
        for (String directory : System.getenv().getOrDefault("PATH", "").split(":", -1)) {
            Path file = Path.of(directory, program);
            if (Files.isExecutable(file)) {
                return file;
            }
        }
        return null;
    }

    /// Waits until it listens at a socket.
    void await(Path socket) throws IOException, InterruptedException {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(SOCKET_MILLIS);
        while (!Files.exists(socket)) {
            if (process.waitFor(LOOK_MILLIS, TimeUnit.MILLISECONDS)
                    || System.nanoTime() - end > 0) {
                throw new IllegalStateException(name + " does not serve " + socket + ": " + said());
            }
        }
    }

    /// Says a line to it and gives the line that it answers.
    String ask(String line) {
        try {
            input.write(line);
            input.write('\n');
            input.flush();
            String answer = output.readLine();
            if (answer == null) {
                throw new IllegalStateException(name + " ended: " + said());
            }
            return answer;
        } catch (IOException e) {
            throw new UncheckedIOException(name + ": " + said(), e);
        }
    }

    /// What it says, line by line; null at its end.
    BufferedReader output() {
        return output;
    }

    void say(String line) throws IOException {
        input.write(line);
        input.write('\n');
        input.flush();
    }

    /// Processor time of all its threads.
    long cpuNanos() throws IOException {
        long sum = 0;
        try (Stream<Path> threads = Files.list(Path.of("/proc/" + pid() + "/task"))) {
            for (Path thread : threads.toList()) {
                String spent = Files.readString(thread.resolve("schedstat"));
                sum += Long.parseLong(spent.substring(0, spent.indexOf(' ')));
            }
        }
        return sum;
    }

    long pid() {
        return process.pid();
    }

    private String said() {
        try {
            String text = Files.readString(log).strip();
            return text.isEmpty() ? "it says nothing" : text;
        } catch (IOException e) {
            return "its log cannot be read: " + e.getMessage();
        }
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(END_MILLIS, TimeUnit.MILLISECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
