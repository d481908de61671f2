package helix.shell;

import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/// Teaches an interactive session to complete the catalog's commands. Two functions, hidden by
/// their leading underscore:
///
/// - `helix:_completion`, called once by the session's profile, gives gogo.jline's command
///   `complete` what it needs; in a session without completion it does nothing;
/// - `helix:_candidates`, called at each TAB, answers what may stand at that place now.
final class Completion {
    static final String SETUP = "helix:_completion";
    static final String CANDIDATES = "helix:_candidates";

    /// The session variable in which gogo.jline keeps completions; unset where nobody can press
    /// TAB.
    private static final String COMPLETIONS = ".completions";

    private final Map<String, Supplier<ShellCommand>> commands;
    private final Candidates candidates;

    Completion(Platform platform, Map<String, Supplier<ShellCommand>> commands) {
        this.commands = commands;
        this.candidates = new Candidates(platform, commands);
    }

    Map<String, Function> functions() {
        return Map.of(SETUP, this::setUp, CANDIDATES, this::candidates);
    }

    private @Nullable Object setUp(CommandSession session, List<Object> arguments)
            throws Exception {
        if (session.get(COMPLETIONS) != null) {
            session.execute(script());
        }
        return null;
    }

    /// What `complete` is told: for each command its description, options, and how to ask for the
    /// rest.
    String script() {
        StringBuilder script = new StringBuilder();
        commands.forEach((name, factory) -> append(script, name, factory));
        return script.toString();
    }

    private static void append(StringBuilder script, String name, Supplier<ShellCommand> factory) {
        CommandSpec spec = Candidates.specOf(name, factory);
        String complete = "complete -c " + name;
        script.append(complete).append(" -e\n");
        script.append(complete).append(" -d ");
        script.append(quote(spec.usageMessage().description()[0])).append('\n');
        for (OptionSpec option : spec.options()) {
            script.append(complete);
            for (String word : option.names()) {
                script.append(word.startsWith("--") ? " -l " : " -s ");
                script.append(word.replaceFirst("^--?", ""));
            }
            script.append(" -d ").append(quote(option.description()[0])).append('\n');
        }
        String question =
                CANDIDATES + " " + name + " ($.commandLine words) ($.commandLine wordIndex)";
        script.append(complete).append(" -a ").append(quote(question)).append('\n');
    }

    private static String quote(String text) {
        return "'" + text.replace("'", "") + "'";
    }

    private Object candidates(CommandSession session, List<Object> arguments) throws Exception {
        List<String> words =
                arguments.get(1) instanceof List<?> list
                        ? list.stream().map(String::valueOf).toList()
                        : List.of();
        int index = Integer.parseInt(arguments.get(2).toString());
        return candidates.at(session, arguments.get(0).toString(), words, index);
    }
}
