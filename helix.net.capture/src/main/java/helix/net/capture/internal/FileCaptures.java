package helix.net.capture.internal;

import helix.net.api.NetworkInterface;
import helix.net.api.capture.PacketCapture;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The captures there are.
@Component
public final class FileCaptures implements PacketCapture {
    private static final Logger LOG = LoggerFactory.getLogger(FileCaptures.class);

    private final List<FileCapture> captures = new CopyOnWriteArrayList<>();

    /// Makes one without captures.
    public FileCaptures() {}

    @Override
    public Capture start(NetworkInterface of, Path file, int snapLength, long count)
            throws IOException {
        synchronized (captures) {
            // Two into one file would make it unreadable.
            if (captures.stream().anyMatch(each -> each.file().equals(file))) {
                throw new IOException(file + " is being captured into");
            }
            FileCapture capture = new FileCapture(of, file, snapLength, count, captures::remove);
            captures.add(capture);
            return capture;
        }
    }

    @Override
    public List<Capture> captures() {
        return List.copyOf(captures);
    }

    @Deactivate
    void deactivate() {
        for (FileCapture capture : captures) {
            try {
                capture.close();
            } catch (IOException e) {
                LOG.warn("{}", e.getMessage(), e);
            }
        }
    }
}
