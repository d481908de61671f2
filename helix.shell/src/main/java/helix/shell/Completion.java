package helix.shell;

import java.util.AbstractList;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.jline.builtins.Completers.CompletionData;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/// Teaches an interactive session to complete the catalog's commands. Two functions, hidden by
/// their leading underscore:
///
/// - `helix:_completion`, called once by the session's profile, leaves for each command what its
///   completion needs; in a session without completion it does nothing;
/// - `helix:_candidates`, called at each TAB, answers what may stand at that place now.
final class Completion {
    static final String SETUP = "helix:_completion";
    static final String CANDIDATES = "helix:_candidates";

    /// The session variable in which gogo.jline keeps completions by command; unset where nobody
    /// can press TAB, and maybe nobody has JLine.
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

    private @Nullable Object setUp(CommandSession session, List<Object> arguments) {
        if (session.get(COMPLETIONS) instanceof Map<?, ?> map) {
            @SuppressWarnings("unchecked") // so says org.apache.felix.gogo.jline.Shell
            Map<String, List<CompletionData>> completions = (Map<String, List<CompletionData>>) map;
            commands.forEach((name, factory) -> completions.put(name, new Entries(name, factory)));
        }
        return null;
    }

    private Object candidates(CommandSession session, List<Object> arguments) throws Exception {
        List<String> words =
                arguments.get(1) instanceof List<?> list
                        ? list.stream().map(String::valueOf).toList()
                        : List.of();
        int index = Integer.parseInt(arguments.get(2).toString());
        return candidates.at(session, arguments.get(0).toString(), words, index);
    }

    /// What completes a command: its description, its options, and how to ask for the rest. Made
    /// when TAB is first pressed; to parse all commands for each session would delay its prompt.
    private static final class Entries extends AbstractList<CompletionData> {
        private final String name;
        private final Supplier<ShellCommand> factory;
        private @Nullable List<CompletionData> entries;

        Entries(String name, Supplier<ShellCommand> factory) {
            this.name = name;
            this.factory = factory;
        }

        private List<CompletionData> entries() {
            List<CompletionData> known = entries;
            if (known == null) {
                known = make();
                entries = known;
            }
            return known;
        }

        private List<CompletionData> make() {
            List<CompletionData> made = new ArrayList<>();
            CommandSpec spec = Candidates.specOf(name, factory);
            made.add(new CompletionData(null, spec.usageMessage().description()[0], null, null));
            for (OptionSpec option : spec.options()) {
                List<String> words = List.of(option.names());
                made.add(new CompletionData(words, option.description()[0], null, null));
            }
            String question =
                    CANDIDATES + " " + name + " ($.commandLine words) ($.commandLine wordIndex)";
            made.add(new CompletionData(null, null, question, null));
            return made;
        }

        @Override
        public CompletionData get(int index) {
            return entries().get(index);
        }

        @Override
        public int size() {
            return entries().size();
        }

        /// A person may add to what is here, with `complete`.
        @Override
        public void add(int index, CompletionData entry) {
            entries().add(index, entry);
        }
    }
}
