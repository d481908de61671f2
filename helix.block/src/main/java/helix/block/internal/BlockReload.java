package helix.block.internal;

import helix.hal.api.Deadline;
import helix.modules.api.ModuleError;
import helix.modules.api.reload.ReloadParticipant;
import java.util.ArrayList;
import java.util.List;

/// The block subsystem's part in replacing drivers: all disks of a device go together.
final class BlockReload implements ReloadParticipant {
    private final DiskTable table;

    BlockReload(DiskTable table) {
        this.table = table;
    }

    @Override
    public List<String> consumers(String deviceId) {
        List<String> lines = new ArrayList<>();
        for (StableDisk disk : table.behind(deviceId)) {
            disk.users().forEach(user -> lines.add(disk.name() + " open by " + user.name()));
        }
        return lines;
    }

    @Override
    public long completions(String deviceId) {
        return table.behind(deviceId).stream().mapToLong(disk -> disk.lanes().all().ended()).sum();
    }

    @Override
    public Passage begin(String deviceId) {
        List<DiskPassage> passages = new ArrayList<>();
        boolean all = false;
        try {
            table.behind(deviceId).forEach(disk -> passages.add(new DiskPassage(disk)));
            all = true;
        } finally {
            if (!all) {
                passages.forEach(DiskPassage::close);
            }
        }
        return new DevicePassage(table, deviceId, List.copyOf(passages));
    }

    private static final class DevicePassage implements Passage {
        private final DiskTable table;
        private final String deviceId;
        private final List<DiskPassage> disks;

        DevicePassage(DiskTable table, String deviceId, List<DiskPassage> disks) {
            this.table = table;
            this.deviceId = deviceId;
            this.disks = disks;
        }

        @Override
        public boolean park(Deadline deadline) {
            disks.forEach(disk -> disk.beginPark(deadline));
            boolean all = true;
            for (DiskPassage disk : disks) {
                all &= disk.park(deadline);
            }
            return all && table.behind(deviceId).stream().allMatch(this::takesPart);
        }

        /// A disk that came up after the beginning does not: its clients go on.
        private boolean takesPart(StableDisk disk) {
            return disks.stream().anyMatch(passage -> passage.isOf(disk));
        }

        @Override
        public boolean drain(Deadline deadline) {
            boolean all = true;
            for (DiskPassage disk : disks) {
                all &= disk.drain(deadline);
            }
            return all;
        }

        @Override
        public void verify(Deadline deadline) {
            disks.forEach(disk -> disk.verify(deadline));
        }

        @Override
        public Counts resume() {
            Counts sum = Counts.NONE;
            ModuleError first = null;
            for (DiskPassage disk : disks) {
                try {
                    sum = sum.plus(disk.resume());
                } catch (ModuleError e) { // the others go on
                    first = first == null ? e : first;
                }
            }
            if (first != null) {
                throw first;
            }
            return sum;
        }

        @Override
        public void close() {
            disks.forEach(DiskPassage::close);
        }
    }
}
