package helix.shell;

import helix.hal.api.DeviceException;
import helix.modules.api.ModuleError;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.function.Supplier;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.ParameterException;

/// A command as Gogo calls it: parses the words, runs a new command object, and turns whatever goes
/// wrong into one line.
final class CommandFunction implements Function {
    private static final Logger LOG = LoggerFactory.getLogger(CommandFunction.class);

    private final String name;
    private final Supplier<ShellCommand> factory;

    CommandFunction(String name, Supplier<ShellCommand> factory) {
        this.name = name;
        this.factory = factory;
    }

    @Override
    public @Nullable Object execute(CommandSession session, List<Object> arguments)
            throws InterruptedException {
        ShellCommand command = factory.get();
        CommandLine parser = parser(name, command);
        String[] words = arguments.stream().map(String::valueOf).toArray(String[]::new);
        try {
            parser.parseArgs(words);
        } catch (ParameterException e) {
            throw new CommandFailed(name + ": " + e.getMessage() + " (see " + name + " --help)", e);
        }
        Output out = Output.of(session, command.json());
        if (parser.isUsageHelpRequested()) {
            StringWriter usage = new StringWriter();
            parser.usage(new PrintWriter(usage), Ansi.OFF);
            out.raw(usage.toString());
            return null;
        }
        if (session.currentDir() != null) {
            command.folder(session.currentDir());
        }
        run(command, out);
        return null;
    }

    static CommandLine parser(String name, ShellCommand command) {
        return new CommandLine(command)
                .setCommandName(name)
                .setUsageHelpLongOptionsMaxWidth(24)
                .setCaseInsensitiveEnumValuesAllowed(true);
    }

    private void run(ShellCommand command, Output out) throws InterruptedException {
        try {
            command.run(out);
        } catch (CommandFailed | InterruptedException e) {
            throw e;
        } catch (DeviceException | ModuleError | IllegalArgumentException e) {
            throw new CommandFailed(String.valueOf(e.getMessage()), e);
        } catch (ClosedByInterruptException | CancellationException e) {
            throw new CommandFailed("interrupted: " + e.getMessage(), e);
        } catch (IOException e) {
            throw new CommandFailed(describe(e), e);
        } catch (Exception e) {
            LOG.error("{} failed", name, e);
            throw new CommandFailed(name + " failed: " + e + " (details in the log)", e);
        }
    }

    /// The messages of file system exceptions are often only the file's name.
    private static String describe(IOException e) {
        return switch (e) {
            case NoSuchFileException f -> f.getFile() + ": no such file or directory";
            case AccessDeniedException f -> f.getFile() + ": permission denied";
            case FileSystemException f when f.getReason() != null ->
                    f.getFile() + ": " + f.getReason();
            default -> e.getMessage() == null ? e.toString() : e.getMessage();
        };
    }
}
