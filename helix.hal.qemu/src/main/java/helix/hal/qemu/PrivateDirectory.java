package helix.hal.qemu;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A directory that only this user can enter, for sockets and what QEMU reads at its start:
/// `hx-PID-N`. Its path is short because a UNIX socket's may have 107 bytes only.
final class PrivateDirectory implements AutoCloseable {
    private static final Pattern NAME = Pattern.compile("hx-(\\d+)-\\d+");
    private static final int MAX_BASE = 80;
    private static final Logger LOG = LoggerFactory.getLogger(PrivateDirectory.class);

    private final Path path;

    private PrivateDirectory(Path path) {
        this.path = path;
    }

    /// Makes one, after removing those of processes that no longer run.
    static PrivateDirectory create() {
        return create(base(System.getenv("XDG_RUNTIME_DIR")));
    }

    static PrivateDirectory create(Path base) {
        removeStale(base);
        var ownerOnly =
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
        try {
            for (int n = 0; ; n++) {
                Path path = base.resolve("hx-" + ProcessHandle.current().pid() + "-" + n);
                try {
                    return new PrivateDirectory(Files.createDirectory(path, ownerOnly));
                } catch (FileAlreadyExistsException _) {
                    // Another machine of this JVM.
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path base(@Nullable String runtimeDir) {
        if (runtimeDir != null && runtimeDir.length() < MAX_BASE) {
            Path path = Path.of(runtimeDir);
            if (Files.isDirectory(path) && Files.isWritable(path)) {
                return path;
            }
        }
        String temporary = System.getProperty("java.io.tmpdir", "/tmp");
        return Path.of(temporary.length() < MAX_BASE ? temporary : "/tmp");
    }

    private static void removeStale(Path base) {
        try (DirectoryStream<Path> found = Files.newDirectoryStream(base, "hx-*")) {
            for (Path path : found) {
                Matcher name = NAME.matcher(path.getFileName().toString());
                if (name.matches()
                        && ProcessHandle.of(Long.parseLong(name.group(1))).isEmpty()
                        && Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)
                        && Files.isWritable(path)) {
                    remove(path);
                }
            }
        } catch (IOException e) {
            LOG.debug("stale directories in {} stay: {}", base, e.getMessage());
        }
    }

    /// A file in it.
    Path resolve(String name) {
        return path.resolve(name);
    }

    /// Removes it with what is in it; a second call does nothing.
    @Override
    public void close() {
        try {
            remove(path);
        } catch (IOException e) {
            LOG.warn("{} stays: {}", path, e.getMessage());
        }
    }

    private static void remove(Path path) throws IOException {
        if (!Files.exists(path)) {
            return;
        }
        try (DirectoryStream<Path> files = Files.newDirectoryStream(path)) {
            for (Path file : files) {
                Files.deleteIfExists(file);
            }
        }
        Files.deleteIfExists(path);
    }
}
