package helix.session;

import helix.hal.api.Deadline;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.ToIntFunction;
import org.apache.felix.service.command.CommandProcessor;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;

/// What the launcher calls once the framework has started: `main` of the inside. The arguments are
///
/// - `run`: the shell, until the user leaves it;
/// - `exec COMMANDS`: the commands, once the platform is settled;
/// - `serve SOCKET NOTE`: the control socket, until it is told to stop; the socket's path goes into
///   the file NOTE once it answers.
@Component(service = ToIntFunction.class, property = "helix.entry=session", immediate = true)
public final class Entry implements ToIntFunction<String[]> {
    private static final Duration SETTLE_LIMIT = Duration.ofSeconds(10);
    private static final Duration END_LIMIT = Duration.ofSeconds(2);

    private final BundleContext context;
    private final CommandProcessor processor;
    private final ShellCommands shellCommands;
    private volatile @Nullable AutoCloseable running;
    private volatile CountDownLatch finished = new CountDownLatch(0);

    /// Called by Declarative Services.
    @Activate
    public Entry(BundleContext context, @Reference CommandProcessor processor) {
        this.context = context;
        this.processor = processor;
        this.shellCommands = ShellCommands.register(context, processor);
    }

    /// Called by Declarative Services: ends what still runs. The bundle's classes are gone soon
    /// after, so it is given a moment to leave them.
    @Deactivate
    void deactivate() throws Exception {
        AutoCloseable current = running;
        if (current != null) {
            current.close();
            boolean left = finished.await(END_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
            if (!left) {
                Standard.ERR.println("helix: a command goes on after the platform's end");
            }
        }
        shellCommands.close();
    }

    @Override
    public int applyAsInt(String[] arguments) {
        CountDownLatch end = new CountDownLatch(1);
        finished = end;
        try {
            return switch (arguments[0]) {
                case "run" -> interactive();
                case "exec" -> execute(arguments[1]);
                case "serve" -> serve(Path.of(arguments[1]), Path.of(arguments[2]));
                default -> throw new IllegalArgumentException(arguments[0]);
            };
        } catch (IOException e) {
            Standard.ERR.println("helix: " + CommandRunner.oneLine(e));
            return 1;
        } finally {
            end.countDown();
        }
    }

    private int interactive() throws IOException {
        try (Interactive shell = new Interactive(context, processor, this::settle)) {
            running = shell;
            return shell.run();
        } finally {
            running = null;
        }
    }

    private int execute(String commands) {
        settle();
        try (CommandRunner runner =
                CommandRunner.open(context, processor, Standard.IN, Standard.OUT, Standard.ERR)) {
            running = runner;
            if (Standard.isTerminal()) {
                // Commands take a session without TERM for a script's.
                runner.session().put("TERM", System.getenv("TERM"));
            }
            return runner.runAll(commands);
        } finally {
            running = null;
        }
    }

    private int serve(Path socket, Path note) throws IOException {
        settle();
        try (ControlServer server = new ControlServer(context, processor, socket, note)) {
            running = server;
            return server.run();
        } finally {
            running = null;
        }
    }

    private void settle() {
        try (Settling settling = new Settling(context)) {
            settling.await(Deadline.after(SETTLE_LIMIT))
                    .forEach(line -> Standard.ERR.println("helix: " + line));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
