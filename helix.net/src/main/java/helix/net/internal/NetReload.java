package helix.net.internal;

import helix.hal.api.Deadline;
import helix.modules.api.reload.ReloadParticipant;
import java.util.ArrayList;
import java.util.List;

/// The network subsystem's part in replacing drivers.
final class NetReload implements ReloadParticipant {
    private final InterfaceTable table;

    NetReload(InterfaceTable table) {
        this.table = table;
    }

    @Override
    public List<String> consumers(String deviceId) {
        List<String> lines = new ArrayList<>();
        for (StableInterface face : table.behind(deviceId)) {
            face.user().ifPresent(user -> lines.add(face.name() + " open by " + user));
        }
        return lines;
    }

    @Override
    public long completions(String deviceId) {
        return table.behind(deviceId).stream().mapToLong(face -> face.tally().moved()).sum();
    }

    @Override
    public Passage begin(String deviceId) {
        return new DevicePassage(
                table.behind(deviceId).stream().map(InterfacePassage::new).toList());
    }

    private record DevicePassage(List<InterfacePassage> all) implements Passage {
        @Override
        public boolean park(Deadline deadline) {
            boolean out = true;
            for (InterfacePassage passage : all) {
                out &= passage.park(deadline);
            }
            return out;
        }

        @Override
        public boolean drain(Deadline deadline) {
            boolean drained = true;
            for (InterfacePassage passage : all) {
                drained &= passage.drain(deadline);
            }
            return drained;
        }

        @Override
        public void verify(Deadline deadline) {
            all.forEach(passage -> passage.verify(deadline));
        }

        @Override
        public Counts resume() {
            Counts sum = Counts.NONE;
            for (InterfacePassage passage : all) {
                sum = sum.plus(passage.resume());
            }
            return sum;
        }

        @Override
        public void close() {
            all.forEach(InterfacePassage::close);
        }
    }
}
