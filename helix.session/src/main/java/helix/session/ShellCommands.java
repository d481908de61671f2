package helix.session;

import java.util.ArrayList;
import java.util.Dictionary;
import java.util.List;
import java.util.Map;
import org.apache.felix.gogo.jline.Builtin;
import org.apache.felix.gogo.jline.Converters;
import org.apache.felix.gogo.jline.Posix;
import org.apache.felix.gogo.jline.Procedural;
import org.apache.felix.gogo.jline.Shell;
import org.apache.felix.service.command.CommandProcessor;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Converter;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceRegistration;

/// Gogo's own commands (`grep`, `each`, `if`, `complete` …). The activator of gogo.jline would
/// register them too, but also take the terminal, which a one-shot command has no use for.
final class ShellCommands implements AutoCloseable {
    /// The session variable that [#exit] sets.
    static final String EXIT = ".exit";

    private static final String SCOPE = "gogo";
    private static final String[] BUILTIN = {
        "format",
        "getopt",
        "new",
        "set",
        "tac",
        "type",
        "jobs",
        "fg",
        "bg",
        "keymap",
        "setopt",
        "unsetopt",
        "complete",
        "history",
        "widget",
        "__files",
        "__directories",
        "__usage_completion"
    };
    private static final String[] PROCEDURAL = {
        "each", "if", "not", "throw", "try", "until", "while", "break", "continue"
    };
    private static final String[] POSIX = {
        "cat", "echo", "grep", "sort", "sleep", "cd", "pwd", "ls", "less", "watch", "nano", "head",
        "tail", "clear", "wc", "date", "ttop"
    };

    private final List<ServiceRegistration<?>> registrations = new ArrayList<>();

    private ShellCommands() {}

    static ShellCommands register(BundleContext context, CommandProcessor processor) {
        ShellCommands commands = new ShellCommands();
        commands.registrations.add(
                context.registerService(Converter.class, new Converters(context), null));
        commands.add(context, new Builtin(), BUILTIN);
        commands.add(context, new Procedural(), PROCEDURAL);
        commands.add(context, new Posix(processor), POSIX);
        commands.add(context, new Shell(new NoContext(context), processor), "source");
        commands.add(context, commands, "exit");
        return commands;
    }

    private void add(BundleContext context, Object target, String... functions) {
        Dictionary<String, Object> properties =
                FrameworkUtil.asDictionary(
                        Map.of(
                                CommandProcessor.COMMAND_SCOPE, SCOPE,
                                CommandProcessor.COMMAND_FUNCTION, functions));
        registrations.add(context.registerService(Object.class, target, properties));
    }

    /// The command `exit`: ends the session it is given in.
    ///
    /// @param session that session
    public void exit(CommandSession session) {
        session.put(EXIT, true);
    }

    /// What Gogo's shell may ask of its surroundings.
    private record NoContext(BundleContext context) implements Shell.Context {
        @Override
        public String getProperty(String name) {
            return context.getProperty(name);
        }

        @Override
        public void exit() {
            throw new UnsupportedOperationException("`exit` ends a session");
        }
    }

    @Override
    public void close() {
        registrations.forEach(ServiceRegistration::unregister);
        registrations.clear();
    }
}
