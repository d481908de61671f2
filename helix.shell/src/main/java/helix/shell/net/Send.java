package helix.shell.net;

import helix.net.api.NetworkInterface;
import helix.net.api.NetworkInterface.Port;
import helix.net.api.NetworkInterface.PortOptions;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Sends one frame.
@Command(description = "Sends one Ethernet frame, from the destination address on.")
public final class Send extends InterfaceReport {
    private static final int HEADER = 14;

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "<hex>",
            description = "Its bytes in hex; blanks, colons and dashes do not count.")
    private @Nullable String hex;

    @Option(names = "--file", paramLabel = "<file>", description = "Its bytes are in a file.")
    private @Nullable String from;

    /// What was done.
    ///
    /// @param name the interface
    /// @param bytes the frame's size
    record Sent(String name, int bytes) {}

    /// Makes the command.
    ///
    /// @param platform where to act
    public Send(Platform platform) {
        super(platform);
    }

    @Override
    public void run(Output out) throws IOException {
        NetworkInterface face = networkInterface();
        byte[] frame = frame();
        if (frame.length < HEADER) {
            throw new CommandFailed(frame.length + " bytes are no frame: its header has " + HEADER);
        }
        try (Port port = face.open("net:send", PortOptions.usual(true))) {
            if (!port.send(MemorySegment.ofArray(frame))) {
                throw new CommandFailed(face.name() + " has no room for the frame");
            }
        }
        Sent sent = new Sent(face.name(), frame.length);
        if (!out.json(sent)) {
            out.line("sent " + frame.length + " bytes");
        }
    }

    private byte[] frame() throws IOException {
        if ((hex == null) == (from == null)) {
            throw new CommandFailed("send what? HEX or --file FILE");
        }
        if (from != null) {
            return Files.readAllBytes(file(from));
        }
        try {
            return HexFormat.of().parseHex(String.valueOf(hex).replaceAll("[\\s:_-]", ""));
        } catch (IllegalArgumentException e) {
            throw new CommandFailed("'" + hex + "' is not hex: " + e.getMessage(), e);
        }
    }
}
