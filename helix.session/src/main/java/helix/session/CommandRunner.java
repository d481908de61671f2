package helix.session;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.felix.gogo.runtime.CommandNotFoundException;
import org.apache.felix.gogo.runtime.Parser;
import org.apache.felix.gogo.runtime.Parser.Executable;
import org.apache.felix.gogo.runtime.Parser.Operator;
import org.apache.felix.gogo.runtime.Parser.Statement;
import org.apache.felix.gogo.runtime.Token;
import org.apache.felix.service.command.CommandProcessor;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Converter;
import org.apache.felix.service.command.Job;
import org.osgi.framework.BundleContext;

/// Runs commands in a session of their own and keeps score.
///
/// A command fails if it throws, or if it ends with an error code as `grep` does. What it returns
/// is printed, unless it is nothing.
final class CommandRunner implements AutoCloseable {
    /// A script in the distribution's `conf/` and one in the instance's, if it is there.
    private static final String PROFILE = "gosh_profile";

    private final CommandSession session;
    private final PrintStream out;
    private final PrintStream err;
    private volatile boolean jobFailed;

    private CommandRunner(CommandSession session, PrintStream out, PrintStream err) {
        this.session = session;
        this.out = out;
        this.err = err;
        session.setJobListener((job, previous, current) -> {
            if (current == Job.Status.Done && job.result() != null && !job.result().isSuccess()) {
                jobFailed = true;
            }
        });
    }

    /// A session on three streams.
    static CommandRunner open(
            BundleContext context,
            CommandProcessor processor,
            InputStream in,
            PrintStream out,
            PrintStream err) {
        CommandSession session = processor.createSession(in, out, err);
        CommandRunner runner = new CommandRunner(session, out, err);
        runner.prepare(context);
        return runner;
    }

    /// Runs in a session that was made elsewhere, such as on a terminal.
    static CommandRunner in(
            BundleContext context, CommandSession session, PrintStream out, PrintStream err) {
        CommandRunner runner = new CommandRunner(session, out, err);
        runner.prepare(context);
        return runner;
    }

    private void prepare(BundleContext context) {
        session.put("SCOPE", "helix:*");
        session.put(".context", context.getBundle(0).getBundleContext());
        source(Path.of(context.getProperty("helix.home"), "conf", PROFILE));
        source(Path.of(context.getProperty("helix.conf"), PROFILE));
    }

    private void source(Path script) {
        if (!Files.exists(script)) {
            return;
        }
        try {
            session.execute(Files.readString(script));
        } catch (Exception e) { // whatever a script throws; the session is still of use
            err.println("helix: " + script + ": " + oneLine(e));
        }
    }

    /// The session.
    CommandSession session() {
        return session;
    }

    /// Runs commands separated by `;` or newlines, up to the first that fails.
    ///
    /// @return the exit status: 0, or 1 after a failure
    int runAll(String text) {
        List<Command> commands;
        try {
            commands = split(text);
        } catch (RuntimeException e) { // the parser's way to say: syntax error
            err.println("helix: " + oneLine(e));
            return 1;
        }
        for (Command command : commands) {
            if (!run(command)) {
                return 1;
            }
            if (session.get(ShellCommands.EXIT) != null) {
                return 0;
            }
        }
        return 0;
    }

    /// Runs one command; says in one line what went wrong.
    ///
    /// @return whether it succeeded
    private boolean run(Command command) {
        jobFailed = false;
        try {
            Object result = session.execute(command.text());
            session.put("_", result);
            if (result != null && !command.assignment()) {
                CharSequence text = session.format(result, Converter.INSPECT);
                out.print(text);
                if (text.isEmpty() || text.charAt(text.length() - 1) != '\n') {
                    out.println();
                }
            }
        } catch (Exception e) { // whatever a command throws is its failure, not the session's
            session.put("exception", e);
            err.println("helix: " + oneLine(e));
            return false;
        } finally {
            out.flush();
        }
        return !jobFailed;
    }

    /// A part of a program.
    ///
    /// @param text a statement, or several joined by `|`, `&&` and the like
    /// @param assignment whether it sets a variable, which is its value but not a result
    record Command(String text, boolean assignment) {}

    /// Splits a program where a newline or a `;` ends a statement; `a && b` and `a | b` stay whole.
    static List<Command> split(String text) {
        List<Command> commands = new ArrayList<>();
        List<Executable> parts = new ArrayList<>();
        for (Executable part : new Parser(text).program().tokens()) {
            if (part instanceof Operator && (Token.eq(";", part) || Token.eq("\n", part))) {
                join(text, parts).ifPresent(commands::add);
                parts.clear();
            } else {
                parts.add(part);
            }
        }
        join(text, parts).ifPresent(commands::add);
        return commands;
    }

    private static Optional<Command> join(String text, List<Executable> parts) {
        if (parts.stream().allMatch(Executable::isEmpty)) {
            return Optional.empty(); // between two semicolons
        }
        Executable last = parts.getLast();
        boolean assignment =
                last instanceof Statement statement
                        && statement.tokens().size() > 1
                        && Token.eq("=", statement.tokens().get(1));
        int end = last.start() + last.length();
        return Optional.of(new Command(text.substring(parts.getFirst().start(), end), assignment));
    }

    /// An exception as one line for the user.
    static String oneLine(Throwable e) {
        if (e instanceof CommandNotFoundException missing) {
            return "no such command: " + missing.getCommand() + "; `help` lists them";
        }
        if (e instanceof InterruptedException) {
            return "interrupted";
        }
        String message = e.getMessage();
        if (message == null || message.isBlank()) {
            return e.getClass().getSimpleName();
        }
        // The message of a file exception is the file's name alone.
        String prefix = e instanceof IOException ? e.getClass().getSimpleName() + ": " : "";
        return prefix + String.join(" ", message.lines().map(String::strip).toList());
    }

    /// Ends the session; a command that still runs in it is interrupted.
    @Override
    public void close() {
        Job job = session.foregroundJob();
        if (job != null) {
            job.interrupt();
        }
        session.close();
    }
}
