package helix.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class MainTest {
    private final StringWriter errors = new StringWriter();

    private int execute(String... arguments) {
        CommandLine line = Main.commandLine();
        line.setErr(new PrintWriter(errors, true));
        return line.execute(arguments);
    }

    @Test
    void badUsageIsOneLine() {
        for (String[] arguments :
                new String[][] {
                    {"exec"},
                    {"exec", "--nonsense", "x"},
                    {"run", "--disk"},
                    {"script"},
                    {"nonsense"},
                    {"status", "--instance"}
                }) {
            errors.getBuffer().setLength(0);
            assertThat(execute(arguments)).isEqualTo(2);
            assertThat(errors.toString()).startsWith("helix: ").hasLineCount(1);
        }
    }

    @Test
    void aFailureIsOneLine() {
        assertThat(execute("script", "/nowhere/script")).isEqualTo(1);
        assertThat(errors.toString()).isEqualTo("helix: cannot read script /nowhere/script\n");
    }

    @Test
    void nothingRunningIsOneLine() {
        assertThat(execute("ctl", "--instance=/nowhere", "echo hi")).isEqualTo(1);
        assertThat(errors.toString()).startsWith("helix: nothing runs in /nowhere").hasLineCount(1);
        errors.getBuffer().setLength(0);
        assertThat(execute("stop", "--instance=/nowhere")).isEqualTo(1);
        assertThat(errors.toString()).isEqualTo("helix: nothing runs in /nowhere\n");
    }

    @Test
    void statusOfNothingIsNoSuccess() {
        assertThat(execute("status", "--instance=/nowhere")).isEqualTo(3);
    }
}
