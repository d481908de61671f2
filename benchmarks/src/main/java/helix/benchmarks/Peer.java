package helix.benchmarks;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// A client in C that is compared with, built from its source where a compiler and the library's
/// headers are installed.
///
/// @param name of the source in this bundle, without `.c`
/// @param libraries what it is linked with
record Peer(String name, List<String> libraries) {
    /// Why there is none.
    static final String MISSING =
            "not measured: a C compiler and the library's development files are not installed";

    private static final long BUILD_SECONDS = 60;

    /// Builds it.
    ///
    /// @return the program, null if that cannot be done here
    @Nullable Path build(Path directory) throws IOException, InterruptedException {
        if (Backend.find("cc") == null) {
            return null;
        }
        Path source = directory.resolve(name + ".c");
        try (InputStream in = Peer.class.getResourceAsStream("/c/" + name + ".c")) {
            if (in == null) {
                throw new IllegalStateException("no source of " + name + " in this bundle");
            }
            Files.copy(in, source);
        }
        Path program = directory.resolve(name);
        List<String> command =
                new ArrayList<>(List.of("cc", "-O2", "-o", program.toString(), source.toString()));
        libraries.forEach(l -> command.add("-l" + l));
        Process cc =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(directory.resolve(name + ".log").toFile())
                        .start();
        if (!cc.waitFor(BUILD_SECONDS, TimeUnit.SECONDS)) {
            cc.destroyForcibly();
            return null;
        }
        return cc.exitValue() == 0 ? program : null;
    }
}
