package helix.hal.vhostuser;

import helix.hal.api.Deadline;
import helix.hal.vhostuser.Attachment.Limits;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// A machine of its own for a test, without a framework.
final class Bench implements Attachment.Slots, AutoCloseable {
    static final Limits QUICK =
            new Limits(Duration.ofMillis(300), Duration.ofMillis(400), Duration.ofMillis(300));

    final VhostUserMachine machine = new VhostUserMachine(16 << 20);
    private final List<Attachment> attachments = new ArrayList<>();

    Attachment attach(Path socket, String kind, Limits limits) {
        return attach(kind, limits, Map.of("path", "" + socket));
    }

    Attachment attach(String kind, Limits limits, Map<String, String> settings) {
        AttachOptions options = AttachOptions.of("t" + attachments.size(), kind, settings);
        Attachment attachment = new Attachment(options, this, limits);
        attachments.add(attachment);
        return attachment.open();
    }

    TestDriver driver(Attachment attachment) {
        if (!attachment.awaitFunction(Deadline.afterMillis(5_000))) {
            throw new AssertionError(attachment.trouble());
        }
        return new TestDriver(machine.bus(), attachment.deviceNumber());
    }

    @Override
    public VhostUserMachine hardware() {
        return machine;
    }

    @Override
    public void functionPlugged() {}

    @Override
    public void close() {
        attachments.forEach(Attachment::close);
        machine.close();
    }
}
