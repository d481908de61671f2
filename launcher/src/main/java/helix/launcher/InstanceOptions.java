package helix.launcher;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The option that says which instance a command is about.
final class InstanceOptions {
    @Option(
            names = "--instance",
            paramLabel = "DIR",
            description =
                    "the instance's directory: bundle cache, deploy, logs, configuration, socket")
    @Nullable Path directory;

    /// The instance named, or the default one.
    Instance instance() {
        if (directory != null) {
            return Instance.at(directory);
        }
        String fallback = System.getProperty("helix.instance.default");
        return Instance.at(Path.of(fallback == null ? ".helix" : fallback));
    }

    /// The instance named, or a private one.
    Instance instanceOrTemporary() {
        return directory != null ? Instance.at(directory) : Instance.temporary();
    }
}
