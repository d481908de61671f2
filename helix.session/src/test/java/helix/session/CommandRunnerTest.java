package helix.session;

import static org.assertj.core.api.Assertions.assertThat;

import helix.session.CommandRunner.Command;
import java.io.FileNotFoundException;
import org.junit.jupiter.api.Test;

class CommandRunnerTest {
    private static java.util.stream.Stream<String> split(String text) {
        return CommandRunner.split(text).stream().map(Command::text);
    }

    @Test
    void statementsEndAtSemicolonsAndNewlines() {
        assertThat(split("a 1; b 2\nc 3\n\n;")).containsExactly("a 1", "b 2", "c 3");
        assertThat(split("")).isEmpty();
        assertThat(split("# only a comment\n")).isEmpty();
    }

    @Test
    void pipesAndConditionsStayWhole() {
        assertThat(split("a | b | c; d && e || f")).containsExactly("a | b | c", "d && e || f");
    }

    @Test
    void bracesAndQuotesStayWhole() {
        assertThat(split("each [a b] {\n x $it; y\n}\necho 'p; q'"))
                .containsExactly("each [a b] {\n x $it; y\n}", "echo 'p; q'");
    }

    @Test
    void assignmentsAreKnown() {
        assertThat(CommandRunner.split("x = 5; echo x = 5"))
                .extracting(Command::assignment)
                .containsExactly(true, false);
    }

    @Test
    void failuresAreOneLine() {
        assertThat(CommandRunner.oneLine(new IllegalArgumentException("no such\n  device")))
                .isEqualTo("no such device");
        assertThat(CommandRunner.oneLine(new IllegalStateException()))
                .isEqualTo("IllegalStateException");
        assertThat(CommandRunner.oneLine(new InterruptedException())).isEqualTo("interrupted");
        assertThat(CommandRunner.oneLine(new FileNotFoundException("/x")))
                .isEqualTo("FileNotFoundException: /x");
    }
}
