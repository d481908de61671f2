package helix.session;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.felix.gogo.runtime.CommandNotFoundException;
import org.apache.felix.gogo.runtime.Parser;
import org.apache.felix.gogo.runtime.Parser.Executable;
import org.apache.felix.gogo.runtime.Parser.Operator;
import org.apache.felix.gogo.runtime.Parser.Program;
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
        List<String> commands;
        try {
            commands = split(text);
        } catch (RuntimeException e) { // the parser's way to say: syntax error
            err.println("helix: " + oneLine(e));
            return 1;
        }
        for (String command : commands) {
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
    boolean run(CharSequence command) {
        jobFailed = false;
        try {
            Object result = session.execute(command);
            session.put("_", result);
            if (result != null) {
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

    /// Splits a program where a newline or a `;` ends a statement; `a && b` and `a | b` stay whole.
    static List<String> split(String text) {
        Program program = new Parser(text).program();
        List<String> statements = new ArrayList<>();
        int start = -1;
        int end = -1;
        for (Executable part : program.tokens()) {
            boolean separator =
                    part instanceof Operator && (Token.eq(";", part) || Token.eq("\n", part));
            if (!separator) {
                start = start < 0 ? part.start() : start;
                end = part.start() + part.length();
            } else if (start >= 0) {
                statements.add(text.substring(start, end));
                start = -1;
            }
        }
        if (start >= 0) {
            statements.add(text.substring(start, end));
        }
        return statements;
    }

    /// An exception as one line for the user.
    static String oneLine(Throwable e) {
        if (e instanceof CommandNotFoundException missing) {
            return "no such command: " + missing.getCommand() + "; `help` lists them";
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
