package helix.shell;

import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.apache.felix.gogo.runtime.CommandProcessorImpl;
import org.apache.felix.gogo.runtime.threadio.ThreadIOImpl;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;

/// The real Gogo with the catalog's commands in it, without OSGi.
public final class GogoShell implements AutoCloseable {
    private final ThreadIOImpl threadIo = new ThreadIOImpl();
    private final CommandProcessorImpl processor;
    private final ByteArrayOutputStream console = new ByteArrayOutputStream();
    private final CommandSession session;

    public GogoShell(Platform platform) {
        threadIo.start();
        processor = new CommandProcessorImpl(threadIo);
        new Catalog(platform)
                .functions()
                .forEach((name, f) -> {
                    int colon = name.indexOf(':');
                    processor.addCommand(name.substring(0, colon), f, name.substring(colon + 1));
                });
        PrintStream out = new PrintStream(console, true, StandardCharsets.UTF_8);
        session = processor.createSession(new ByteArrayInputStream(new byte[0]), out, out);
        session.put("SCOPE", "*");
    }

    public CommandSession session() {
        return session;
    }

    /// Adds a command of somebody else's.
    public void addCommand(String scope, String name, Function function) {
        processor.addCommand(scope, function, name);
    }

    /// Executes a command line.
    ///
    /// @return what it printed
    public String execute(String line) throws Exception {
        console.reset();
        session.execute(line);
        return console.toString(StandardCharsets.UTF_8);
    }

    /// Executes a command line that prints one JSON document.
    public JsonElement json(String line) throws Exception {
        String text = execute(line);
        if (text.indexOf('\n') != text.length() - 1) {
            throw new AssertionError("not one line: " + text);
        }
        return JsonParser.parseString(text);
    }

    @Override
    public void close() {
        session.close();
        processor.stop();
        threadIo.stop();
    }
}
