package helix.net.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.net.NetworkDevice;
import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.modules.api.reload.ReloadParticipant.Counts;
import helix.modules.api.reload.ReloadParticipant.Passage;
import helix.net.api.NetworkInterface.Port;
import helix.net.api.NetworkInterface.PortOptions;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// An interface over a [FakeNic] whose driver can be replaced.
final class NetRig {
    static final String SLOT = "0000:00:05.0";
    static final long MAC = 0x525400123456L;

    final List<StableInterface> published = new ArrayList<>();
    final InterfaceTable table =
            new InterfaceTable(published::add, new InterfaceNames(null), Duration.ofSeconds(5));
    final NetReload reload = new NetReload(table);
    final FakeNic nic = new FakeNic(MAC);
    final StableInterface face;
    FakeNic.Generation generation;
    NetBackend backend;
    private long generations;

    NetRig() {
        generation = nic.generation();
        backend = serve(generation, SLOT);
        face = published.getFirst();
    }

    static PortOptions options() {
        return new PortOptions(64, 64, 2048, 256, true, false);
    }

    Port open() {
        return face.open("test", options());
    }

    static Deadline soon() {
        return Deadline.afterMillis(5_000);
    }

    NetBackend serve(NetworkDevice device, String slot) {
        table.deviceAdded(slot);
        NetBackend made =
                new NetBackend(
                        device,
                        Map.of(
                                Device.ID,
                                slot,
                                "driver.name",
                                "virtio-net",
                                "module.generation",
                                ++generations));
        table.added(made);
        return made;
    }

    /// The driver dies, its device is reset; nobody serves.
    void crash() {
        generation.crashed = true;
        table.removed(backend);
    }

    void serveNext() {
        generation = nic.generation();
        backend = serve(generation, SLOT);
    }

    /// A replacement without a reset, during which the port's owner comes by.
    Counts warm(Port port) {
        try (Passage passage = reload.begin(SLOT)) {
            assertThat(passage.park(soon())).isTrue();
            generation.passed = true;
            NetBackend old = backend;
            generation = nic.generation();
            generation.adopts = true;
            backend = serve(generation, SLOT);
            port.await(1);
            passage.verify(soon());
            Counts counts = passage.resume();
            table.removed(old);
            return counts;
        }
    }

    /// A replacement with a reset in between.
    Counts cold(Port port) {
        try (Passage passage = reload.begin(SLOT)) {
            assertThat(passage.park(soon())).isTrue();
            crash();
            serveNext();
            port.await(1);
            passage.verify(soon());
            return passage.resume();
        }
    }

    /// A frame that is told from others by a number.
    static MemorySegment frame(int number) {
        byte[] bytes = new byte[60];
        bytes[0] = (byte) number;
        bytes[1] = (byte) (number >>> 8);
        return MemorySegment.ofArray(bytes);
    }
}
