package helix.session;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.felix.gogo.jline.Expander;
import org.apache.felix.gogo.jline.Highlighter;
import org.apache.felix.gogo.jline.Parser;
import org.apache.felix.gogo.jline.Shell;
import org.apache.felix.gogo.runtime.CommandSessionImpl;
import org.apache.felix.service.command.CommandProcessor;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.apache.felix.service.command.Job;
import org.jline.builtins.Completers.CompletionData;
import org.jline.builtins.Completers.CompletionEnvironment;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.ParsedLine;
import org.jline.reader.UserInterruptException;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;

/// The shell: on a terminal with history and completion, else line by line.
final class Interactive implements AutoCloseable {
    private static final String PROMPT = "helix> ";

    private final BundleContext context;
    private final CommandProcessor processor;
    private final Runnable settle;
    private boolean settled;
    private volatile boolean closed;
    private volatile @Nullable Thread reading;

    /// Makes a shell.
    ///
    /// @param settle waits for the devices: run before the first command, so that the prompt need
    ///   not wait
    Interactive(BundleContext context, CommandProcessor processor, Runnable settle) {
        this.context = context;
        this.processor = processor;
        this.settle = settle;
    }

    /// Reads and runs commands until `exit`, the end of input, or [#close()].
    ///
    /// @return the exit status: 1 if input ended after a command that failed
    int run() throws IOException {
        reading = Thread.currentThread();
        try {
            return Standard.isTerminal() ? onTerminal() : onPlainInput();
        } finally {
            reading = null;
        }
    }

    private int onPlainInput() throws IOException {
        PrintStream out = Standard.OUT;
        try (CommandRunner runner =
                CommandRunner.open(context, processor, Standard.IN, out, Standard.ERR)) {
            BufferedReader lines =
                    new BufferedReader(new InputStreamReader(Standard.IN, StandardCharsets.UTF_8));
            int status = 0;
            while (!closed) {
                out.print(PROMPT);
                out.flush();
                String line = lines.readLine();
                if (line == null) {
                    out.println();
                    return status;
                }
                status = execute(runner, line);
                if (runner.session().get(ShellCommands.EXIT) != null) {
                    return 0;
                }
            }
            return status;
        }
    }

    private int onTerminal() throws IOException {
        try (Terminal terminal =
                TerminalBuilder.builder()
                        .name("helix")
                        .system(true)
                        .nativeSignals(true)
                        .signalHandler(Terminal.SignalHandler.SIG_IGN)
                        .build()) {
            CommandSession session =
                    processor.createSession(terminal.input(), terminal.output(), terminal.output());
            LineReader reader = reader(terminal, session);
            PrintStream console = session.getConsole();
            try (CommandRunner runner = CommandRunner.in(context, session, console, console)) {
                terminal.handle(
                        Terminal.Signal.INT,
                        signal -> {
                            Job job = session.foregroundJob();
                            if (job != null) {
                                job.interrupt();
                            }
                        });
                read(reader, runner);
                return 0;
            } finally {
                reader.getHistory().save();
            }
        }
    }

    private void read(LineReader reader, CommandRunner runner) {
        while (!closed && runner.session().get(ShellCommands.EXIT) == null) {
            try {
                execute(runner, reader.readLine(PROMPT));
            } catch (UserInterruptException ignored) {
                // Ctrl-C at the prompt: a fresh line.
            } catch (EndOfFileException e) {
                return;
            }
        }
    }

    private int execute(CommandRunner runner, String line) {
        if (!settled && !line.isBlank()) {
            settle.run();
            settled = true;
        }
        return runner.runAll(line);
    }

    private LineReader reader(Terminal terminal, CommandSession session) {
        session.put(Shell.VAR_TERMINAL, terminal);
        session.put(Shell.VAR_PROCESSOR, processor);
        session.put(Shell.VAR_SESSION, session);
        session.put(Shell.VAR_COMPLETIONS, new HashMap<String, List<CompletionData>>());
        session.put("#TERM", (Function) (s, arguments) -> terminal.getType());
        session.put("#COLUMNS", (Function) (s, arguments) -> terminal.getWidth());
        session.put("#LINES", (Function) (s, arguments) -> terminal.getHeight());
        session.put("#PWD", (Function) (s, arguments) -> s.currentDir().toString());
        session.put(
                LineReader.HISTORY_FILE, Path.of(context.getProperty("helix.instance"), "history"));
        LineReader reader =
                LineReaderBuilder.builder()
                        .appName("helix")
                        .terminal(terminal)
                        .variables(((CommandSessionImpl) session).getVariables())
                        .completer(
                                new org.jline.builtins.Completers.Completer(
                                        new GogoCompletion(session)))
                        .highlighter(new Highlighter(session))
                        .parser(new Parser())
                        .expander(new Expander(session))
                        .option(LineReader.Option.AUTO_FRESH_LINE, true)
                        .build();
        session.put(Shell.VAR_READER, reader);
        return reader;
    }

    /// Ends [#run()], also while it waits for input.
    @Override
    public void close() {
        closed = true;
        Thread thread = reading;
        if (thread != null) {
            thread.interrupt();
        }
    }

    /// Completion from the session's commands and what the command `complete` was told of them.
    private record GogoCompletion(CommandSession session) implements CompletionEnvironment {
        @Override
        public Map<String, List<CompletionData>> getCompletions() {
            return Shell.getCompletions(session);
        }

        @Override
        public Set<String> getCommands() {
            return Shell.getCommands(session);
        }

        @Override
        public String resolveCommand(String command) {
            return Shell.resolve(session, command);
        }

        @Override
        public String commandName(String command) {
            return command.substring(command.indexOf(':') + 1);
        }

        @Override
        public Object evaluate(LineReader reader, ParsedLine line, String function)
                throws Exception {
            session.put(Shell.VAR_COMMAND_LINE, line);
            return session.execute(function);
        }
    }
}
