package helix.modules.internal.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import helix.modules.internal.deploy.ManifestHeader.Clause;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ManifestHeaderTest {
    @Test
    void clausesHavePathsAttributesAndDirectives() {
        assertThat(
                        ManifestHeader.parse(
                                "a.b;c.d;version=\"[1.0,2)\";resolution:=optional, e;v:Version=1"))
                .containsExactly(
                        new Clause(
                                "a.b",
                                Map.of("version", "[1.0,2)"),
                                Map.of("resolution", "optional")),
                        new Clause(
                                "c.d",
                                Map.of("version", "[1.0,2)"),
                                Map.of("resolution", "optional")),
                        new Clause("e", Map.of("v", "1"), Map.of()));
    }
}
