package helix.launcher;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A running platform's directory:
///
/// | in it | what |
/// | --- | --- |
/// | `conf/` | its configuration; never touched by a build |
/// | `deploy/` | driver jars dropped here are installed |
/// | `revisions/` | what `helix:update` has committed, see [Revisions] |
/// | `logs/` | `helix.log` and its predecessors |
/// | `cache/` | the framework's copies of bundles, emptied at each start |
/// | `run/` | the control socket; only its owner may enter |
/// | `lock` | held, with the process id in it, while a platform runs |
final class Instance implements AutoCloseable {
    /// The kernel's limit is 108 bytes with the terminating zero.
    private static final int MAX_SOCKET_PATH = 107;

    private final Path directory;
    private final boolean temporary;
    private @Nullable FileChannel lockFile;

    private Instance(Path directory, boolean temporary) {
        this.directory = directory;
        this.temporary = temporary;
    }

    /// The instance in a directory, which need not exist yet.
    static Instance at(Path directory) {
        return new Instance(directory.toAbsolutePath().normalize(), false);
    }

    /// A private instance that vanishes when closed.
    static Instance temporary() {
        try {
            return new Instance(Files.createTempDirectory("helix-"), true);
        } catch (IOException e) {
            throw new Failure("cannot make a temporary instance: " + e.getMessage(), e);
        }
    }

    Path directory() {
        return directory;
    }

    Path conf() {
        return directory.resolve("conf");
    }

    Path deploy() {
        return directory.resolve("deploy");
    }

    Path revisions() {
        return directory.resolve("revisions");
    }

    Path logs() {
        return directory.resolve("logs");
    }

    Path cache() {
        return directory.resolve("cache");
    }

    /// Makes the directories and takes the lock.
    ///
    /// @throws Failure if another process has it
    Instance open() {
        try {
            for (Path folder : List.of(directory, conf(), deploy(), logs())) {
                Files.createDirectories(folder);
            }
            Files.createDirectories(runFolder());
            Files.setPosixFilePermissions(
                    runFolder(), PosixFilePermissions.fromString("rwx------"));
            lock();
            return this;
        } catch (IOException e) {
            throw new Failure("cannot use instance " + directory + ": " + reason(e), e);
        }
    }

    private void lock() throws IOException {
        FileChannel channel =
                FileChannel.open(
                        lockPath(),
                        StandardOpenOption.CREATE,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE);
        if (tryLock(channel) == null) {
            channel.close();
            throw new Failure(
                    "instance "
                            + directory
                            + " is in use by process "
                            + owner().map(String::valueOf).orElse("(starting)"));
        }
        channel.truncate(0);
        byte[] pid = (ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.US_ASCII);
        channel.write(ByteBuffer.wrap(pid), 0);
        lockFile = channel;
    }

    private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) {
            return null; // held by this very process
        }
    }

    /// The process that holds the lock.
    ///
    /// @return its id, empty when nothing runs here
    Optional<Long> holder() {
        if (!Files.exists(lockPath())) {
            return Optional.empty();
        }
        try (FileChannel channel = FileChannel.open(lockPath(), StandardOpenOption.WRITE);
                FileLock lock = tryLock(channel)) {
            return lock == null ? Optional.of(owner().orElse(-1L)) : Optional.empty();
        } catch (IOException e) {
            throw new Failure("cannot look at instance " + directory + ": " + reason(e), e);
        }
    }

    private Optional<Long> owner() throws IOException {
        String text = Files.readString(lockPath(), StandardCharsets.US_ASCII).strip();
        return text.isEmpty() ? Optional.empty() : Optional.of(Long.valueOf(text));
    }

    /// Where the control socket is to be: in the instance, or, where that path is too long for a
    /// socket, in a new private directory elsewhere. [#controlSocket()] finds it again.
    Path prepareControlSocket() {
        forgetControlSocket();
        try {
            Path socket = runFolder().resolve("control");
            if (socket.toString().getBytes(StandardCharsets.UTF_8).length > MAX_SOCKET_PATH) {
                String runtime = System.getenv("XDG_RUNTIME_DIR");
                Path parent =
                        runtime != null && Files.isWritable(Path.of(runtime))
                                ? Path.of(runtime)
                                : Path.of("/tmp");
                socket = Files.createTempDirectory(parent, "helix-").resolve("control");
            }
            Files.deleteIfExists(socket);
            return socket;
        } catch (IOException e) {
            throw new Failure("cannot make a control socket: " + reason(e), e);
        }
    }

    /// Forgets the control socket of a platform that is gone.
    void forgetControlSocket() {
        try {
            Files.deleteIfExists(controlNote());
        } catch (IOException e) {
            throw new Failure("cannot delete " + controlNote() + ": " + reason(e), e);
        }
    }

    /// The file that tells where the control socket is; written when it answers.
    Path controlNote() {
        return runFolder().resolve("control.path");
    }

    /// The control socket of the platform that runs here, once it is ready.
    Optional<Path> controlSocket() {
        try {
            return Files.exists(controlNote())
                    ? Optional.of(Path.of(Files.readString(controlNote()).strip()))
                    : Optional.empty();
        } catch (IOException e) {
            throw new Failure("cannot read " + controlNote() + ": " + reason(e), e);
        }
    }

    private Path runFolder() {
        return directory.resolve("run");
    }

    private Path lockPath() {
        return directory.resolve("lock");
    }

    /// Gives the lock back; a temporary instance is deleted.
    @Override
    public void close() {
        try {
            if (temporary) {
                delete(directory);
            }
            if (lockFile != null) {
                lockFile.close();
            }
        } catch (IOException e) {
            throw new Failure("cannot clean up " + directory + ": " + reason(e), e);
        }
    }

    private static void delete(Path root) throws IOException {
        List<Path> deepestFirst;
        try (Stream<Path> files = Files.walk(root)) {
            deepestFirst = files.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path file : deepestFirst) {
            Files.deleteIfExists(file);
        }
    }

    /// An I/O error in words: the message of many is the file's name alone.
    private static String reason(IOException e) {
        return e.getClass().getSimpleName() + " " + e.getMessage();
    }
}
