package helix.session;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/// The process's own streams. Gogo replaces those of [System] by ones that ask which session a
/// thread belongs to, so a session must never be given them: they would ask themselves.
final class Standard {
    static final InputStream IN = new FileInputStream(FileDescriptor.in);
    static final PrintStream OUT =
            new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    static final PrintStream ERR =
            new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);

    private Standard() {}

    /// Whether a person sits at the other end, of input and output.
    @SuppressWarnings("SystemConsoleNull") // it does from JDK 25 on, where there is no terminal
    static boolean isTerminal() {
        return System.console() != null && System.console().isTerminal();
    }
}
