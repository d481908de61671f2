package helix.launcher;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// The built distribution as a process, and what came out of it.
///
/// @param status its exit status
/// @param out its standard output
/// @param err its standard error
record HelixProcess(int status, String out, String err) {
    static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Path HOME = Path.of("target", "helix").toAbsolutePath();
    private static final long LIMIT_SECONDS = 60;

    /// Runs the launcher, without the `helix` script around it.
    static HelixProcess run(String... arguments) {
        return runWith("", arguments);
    }

    /// The same with some standard input.
    static HelixProcess runWith(String input, String... arguments) {
        return execute(input, Map.of(), command(arguments));
    }

    static List<String> command(String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("@" + HOME.resolve("conf/jvm.options"));
        command.add("-XX:TieredStopAtLevel=1"); // these processes only ever start up
        command.addAll(List.of("-jar", HOME.resolve("lib/helix.jar").toString()));
        command.addAll(List.of(arguments));
        return command;
    }

    /// Runs any command.
    static HelixProcess execute(
            String input, Map<String, String> environment, List<String> command) {
        try {
            Path out = Files.createTempFile("out", null);
            Path err = Files.createTempFile("err", null);
            ProcessBuilder builder =
                    new ProcessBuilder(command)
                            .redirectOutput(out.toFile())
                            .redirectError(err.toFile());
            builder.environment().putAll(environment);
            Process process = builder.start();
            try (var stdin = process.getOutputStream()) {
                stdin.write(input.getBytes(StandardCharsets.UTF_8));
            }
            if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new AssertionError(command + " did not end; " + Files.readString(err));
            }
            HelixProcess result =
                    new HelixProcess(
                            process.exitValue(), Files.readString(out), Files.readString(err));
            Files.delete(out);
            Files.delete(err);
            return result;
        } catch (IOException e) {
            throw new AssertionError(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }
}
