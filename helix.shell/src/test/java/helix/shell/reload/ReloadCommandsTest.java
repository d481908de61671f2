package helix.shell.reload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.shell.CommandFailed;
import helix.shell.FakePlatform;
import helix.shell.FakeReloads;
import helix.shell.GogoShell;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The commands about reloads through the real Gogo.
final class ReloadCommandsTest {
    private final FakePlatform platform = FakePlatform.zoo();
    private final FakeReloads reloads = new FakeReloads(platform);
    private final GogoShell shell = new GogoShell(platform);

    @TempDir private Path folder;

    @BeforeEach
    void enter() throws Exception {
        platform.reloads = reloads;
        shell.session().currentDir(folder);
        Files.createFile(folder.resolve("new.jar"));
    }

    @AfterEach
    void close() {
        shell.close();
    }

    @Test
    void anUpdateTellsWhatItCost() throws Exception {
        assertThat(shell.execute("helix:update nvme new.jar"))
                .isEqualTo(
                        "nvme 0.1.0 -> new.jar: warm, pause 2.5 ms, 3 parked, 32 adopted, 0 replayed,"
                                + " 0 failed\n");
        assertThat(shell.execute("reload nvme --cold"))
                .isEqualTo(
                        "nvme 0.1.0: cold, pause 2.5 ms, 3 parked, 0 adopted, 32 replayed, 0 failed\n");
        JsonObject row = shell.json("rollback nvme --json").getAsJsonObject();
        assertThat(row.get("cause").getAsString()).isEqualTo("rollback");
        assertThat(row.get("outcome").getAsString()).isEqualTo("COMMITTED");
        assertThat(row.get("recoveryMs").isJsonNull()).isTrue();
        assertThat(row.getAsJsonArray("devices")).hasSize(1);
    }

    @Test
    void optionsReachTheEngine() throws Exception {
        shell.execute("update nvme new.jar --cold --drain --timeout 500ms");
        shell.execute("update nvme new.jar");
        assertThat(reloads.log)
                .containsExactly(
                        "update nvme new.jar Options[cold=true, drain=true, timeout=PT0.5S]",
                        "update nvme new.jar Options[cold=false, drain=false, timeout=PT10S]");
    }

    @Test
    void aDryRunShowsWhatWouldBeTouchedAndTouchesNothing() throws Exception {
        assertThat(shell.execute("update nvme new.jar --dry-run"))
                .isEqualTo(
                        """
                        nvme 0.1.0 -> 0.2.0
                        DEVICE        MODULE  HOW   CONSUMERS
                        0000:01:00.0  nvme0   warm  nvme0n1 open by blk:write
                        bundles: helix.driver.block.nvme 0.1.0, helix.driver.block.nvme 0.2.0
                        """);
        JsonObject plan = shell.json("update nvme new.jar --dry-run --json").getAsJsonObject();
        assertThat(plan.get("to").getAsString()).isEqualTo("0.2.0");
        assertThat(reloads.reports).isEmpty();
        reloads.refusal = "it starts threads";
        assertThatThrownBy(() -> shell.execute("update nvme new.jar --dry-run"))
                .hasMessage("nvme 0.2.0 would be refused: it starts threads");
    }

    @ParameterizedTest
    @CsvSource({
        "REFUSED, was refused; 0.1.0 serves on",
        "ROLLED_BACK, failed and was rolled back; 0.1.0 serves again",
        "FAILED, 'failed, and 0.1.0 could not be brought back'"
    })
    void whatIsNotCommittedFailsTheCommand(Outcome outcome, String text) {
        reloads.outcome = outcome;
        assertThatThrownBy(() -> shell.execute("update nvme new.jar"))
                .isInstanceOf(CommandFailed.class)
                .hasMessage("nvme new.jar " + text + " (verify: block 0 reads differently)");
        assertThatThrownBy(() -> shell.execute("reload nvme --json"))
                .hasMessageContaining("block 0 reads differently");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "update 12 | felix:update 12",
                "update nvme | by which .jar file",
                "update nvme missing.jar | missing.jar: no such file or directory",
                "update nvme . | is no regular file",
                "update none new.jar | no driver 'none'",
                "rollback nvme | has no revision before 0.1.0",
                "reload nvme --timeout 0s | --timeout",
                "reload nvme --timeout soon | 'soon' is no duration"
            })
    void mistakesAreToldInOneLine(String line, String text) {
        assertThatThrownBy(() -> shell.execute(line))
                .isInstanceOf(CommandFailed.class)
                .hasMessageContaining(text);
    }

    @Test
    void withoutAScopeUpdateIsThisOneEvenWhereFelixHasOne() throws Exception {
        shell.addCommand("felix", "update", (session, arguments) -> "felix");
        shell.session().put("SCOPE", "helix:*");
        assertThat(shell.execute("update nvme new.jar")).startsWith("nvme 0.1.0 -> new.jar");
    }

    @Test
    void reportsAreATableAndJson() throws Exception {
        shell.execute("update nvme new.jar");
        reloads.outcome = Outcome.ROLLED_BACK;
        assertThatThrownBy(() -> shell.execute("update nvme new.jar --cold"));
        assertThat(shell.execute("reports").lines().map(l -> l.replaceAll("  +", " | ")))
                .containsExactly(
                        "ID | TIME | DRIVER | CAUSE | FROM | TO | OUTCOME | MODE | PAUSE MS | PARKED"
                                + " | ADOPTED | REPLAYED | FAILED | OTHERS | RECOVERY MS | STEP |"
                                + " REASON",
                        " 1 | 2026-01-02T03:04:05Z | nvme | update | 0.1.0 | new.jar | COMMITTED |"
                                + " warm | 2.5 | 3 | 32 | 0 | 0 | 0 | 120.0",
                        " 2 | 2026-01-02T03:04:05Z | nvme | update | 0.1.0 | new.jar | ROLLED_BACK |"
                                + " cold | 2.5 | 3 | 0 | 32 | 0 | 0 | 120.0 | verify | block 0 reads"
                                + " differently");
        JsonArray rows = shell.json("helix:reports --json").getAsJsonArray();
        assertThat(rows.get(0).getAsJsonObject().get("recoveryMs").getAsDouble()).isEqualTo(120);
        assertThat(rows.get(1).getAsJsonObject().get("step").getAsString()).isEqualTo("verify");
    }

    @ParameterizedTest
    @ValueSource(strings = {"update nvme new.jar", "reload nvme", "rollback nvme", "reports"})
    void withoutAnEngineTheLineNamesItsBundle(String line) {
        platform.reloads = null;
        assertThatThrownBy(() -> shell.execute(line))
                .isInstanceOf(CommandFailed.class)
                .hasMessageContaining("helix.modules");
    }
}
