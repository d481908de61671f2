package helix.shell;

import static org.assertj.core.api.Assertions.assertThat;

import helix.shell.FakePlatform.FakeControl;
import helix.shell.net.LoopInterface;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.felix.service.command.CommandSession;
import org.jline.builtins.Completers.CompletionData;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What TAB offers, through the real Gogo.
final class CompletionTest {
    private final FakePlatform platform = FakePlatform.zoo();
    private final GogoShell shell = new GogoShell(platform);

    /// What a command line looks like from a completion script.
    public record Line(List<String> words, int wordIndex) {}

    @AfterEach
    void close() {
        shell.close();
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '"',
            value = {
                "helix:why, why, 0000:00:00.0 0000:00:03.0 0000:01:00.0 0000:00:05.0 0000:00:06.0 nvme0",
                "helix:lspci, lspci -v, 0000:00:00.0 0000:00:03.0 0000:01:00.0 0000:00:05.0 0000:00:06.0 nvme0",
                "helix:bind, bind nvme0, nvme",
                "helix:bind, bind nvme0 nvme, \"\"",
                "nvme:id-ns, id-ns, nvme0 nvme0n1",
                "nvme:id-ns, id-ns -n 1, nvme0 nvme0n1",
                "nvme:id-ns, id-ns -n, \"\"",
                "machine:plug, plug, nvme",
                "machine:plug, plug -m, qemu",
                "machine:unplug, unplug, drive1",
                "machine:fault, fault, stop",
                "blk:bench, bench nvme0n1 --rw, randread randwrite read write randrw",
                "blk:bench, bench --interrupt, nvme0n1",
                "net:ping, ping, net0",
                "net:forward, forward net0, net0",
                "net:stat, stat, net0",
                "helix:nothing, nothing, \"\""
            })
    void theLabelInTheHelpSaysWhatMayStandThere(String command, String line, String expected)
            throws Exception {
        platform.controls.add(new FakeControl());
        platform.interfaces.add(new LoopInterface("net0"));
        List<String> words = new ArrayList<>(List.of(line.split(" ")));
        words.add("");
        shell.session().put(".commandLine", new Line(words, words.size() - 1));
        Object found =
                shell.session()
                        .execute(
                                "helix:_candidates "
                                        + command
                                        + " ($.commandLine words) ($.commandLine wordIndex)");
        assertThat((List<?>) found)
                .map(Object::toString)
                .containsExactlyElementsOf(
                        expected.isEmpty() ? List.of() : List.of(expected.split(" ")));
    }

    @Test
    void aSessionWithCompletionIsToldOfEachCommand() throws Exception {
        CommandSession session = shell.session();
        session.execute("helix:_completion"); // nothing to complete: nothing done

        Map<String, List<CompletionData>> completions = new HashMap<>();
        session.put(".completions", completions);
        session.execute("helix:_completion");
        assertThat(completions.keySet())
                .containsExactlyInAnyOrderElementsOf(new Catalog(platform).commands().keySet());
        assertThat(completions.values())
                .allSatisfy(entries -> {
                    assertThat(entries.getFirst().description).isNotBlank();
                    assertThat(entries)
                            .anySatisfy(e -> assertThat(e.options).containsExactly("-h", "--help"));
                });
        List<CompletionData> why = completions.get("helix:why");
        assertThat(why.getLast().argument)
                .isEqualTo(
                        "helix:_candidates helix:why ($.commandLine words)"
                                + " ($.commandLine wordIndex)");
        why.add(new CompletionData(List.of("-x"), "mine", null, null));
        assertThat(why.getLast().description).isEqualTo("mine");
    }
}
