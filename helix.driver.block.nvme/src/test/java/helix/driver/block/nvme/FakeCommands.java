package helix.driver.block.nvme;

import helix.driver.block.nvme.FakeNvme.Command;
import helix.driver.block.nvme.FakeNvme.Cq;
import helix.driver.block.nvme.FakeNvme.Sq;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.TreeMap;

/// What the fake controller does with commands.
final class FakeCommands {
    final TreeMap<Integer, FakeNamespace> namespaces = new TreeMap<>();
    String serial = "FAKE0001";
    String model = "Helix fake controller";
    int mdts = 7;
    int oncs = 1 | 1 << 2 | 1 << 3;
    int oacs;
    int vwc = 1;
    int aerl = 3;
    int sqes = 0x66;
    int cqes = 0x44;
    int controllerType = 1;
    int wzsl;
    int acceptedEvents;
    boolean garbageList;
    boolean oldIdentify;
    int abortResult;
    boolean abortsEndCommands = true;

    // What happened.
    final List<String> io = new ArrayList<>();
    final List<String> admin = new ArrayList<>();
    final Deque<Command> eventRequests = new ArrayDeque<>();
    int fuas;
    long shadow;
    long eventIndex;

    private final FakeNvme nvme;
    private final FakeHal hal;

    FakeCommands(FakeNvme nvme, FakeHal hal) {
        this.nvme = nvme;
        this.hal = hal;
        namespaces.put(1, new FakeNamespace(65536, 9));
    }

    void reset() {
        eventRequests.clear();
        shadow = 0;
    }

    void execute(Command c) {
        if (c.sq.id == 0) {
            admin(c);
        } else {
            io(c);
        }
    }

    // ---- Admin

    private void admin(Command c) {
        admin.add("%02x".formatted(c.opcode));
        switch (c.opcode) {
            case 0x00 -> {
                nvme.held.removeIf(h -> h.sq.id == (c.cdw[10] & 0xFFFF));
                nvme.complete(c, nvme.sqs.remove(c.cdw[10] & 0xFFFF) == null ? 0x101 : 0, 0);
            }
            case 0x01 -> createSq(c);
            case 0x02 -> getLog(c);
            case 0x04 -> {
                int id = c.cdw[10] & 0xFFFF;
                boolean used = nvme.sqs.containsKey(id);
                nvme.complete(c, used ? 0x10C : nvme.cqs.remove(id) == null ? 0x101 : 0, 0);
            }
            case 0x05 -> createCq(c);
            case 0x06 -> identify(c);
            case 0x08 -> abort(c);
            case 0x09 -> setFeatures(c);
            case 0x0C -> {
                if (eventRequests.size() > aerl) {
                    nvme.complete(c, 0x105, 0);
                } else {
                    eventRequests.add(c);
                }
            }
            case 0x7C -> {
                shadow = c.prp1;
                eventIndex = c.prp2;
                nvme.complete(c, 0, 0);
            }
            default -> nvme.complete(c, 0x001, 0);
        }
    }

    private void createCq(Command c) {
        Cq cq = new Cq();
        cq.id = c.cdw[10] & 0xFFFF;
        cq.size = (c.cdw[10] >>> 16) + 1;
        cq.address = c.prp1;
        cq.interrupts = (c.cdw[11] & 2) != 0;
        cq.vector = c.cdw[11] >>> 16;
        boolean contiguous = (c.cdw[11] & 1) != 0;
        if (!contiguous || cq.size > nvme.mqes + 1 || (cq.address & 0xFFF) != 0) {
            nvme.complete(c, 0x102, 0);
        } else if (cq.id == 0 || cq.id > nvme.maxPairs || nvme.cqs.containsKey(cq.id)) {
            nvme.complete(c, 0x101, 0);
        } else if (cq.interrupts && cq.vector >= hal.vectorCount()) {
            nvme.complete(c, 0x108, 0);
        } else {
            nvme.cqs.put(cq.id, cq);
            nvme.complete(c, 0, 0);
        }
    }

    private void createSq(Command c) {
        Sq sq = new Sq();
        sq.id = c.cdw[10] & 0xFFFF;
        sq.size = (c.cdw[10] >>> 16) + 1;
        sq.address = c.prp1;
        sq.cq = c.cdw[11] >>> 16;
        if (!nvme.cqs.containsKey(sq.cq)) {
            nvme.complete(c, 0x100, 0);
        } else if (nvme.sqs.containsKey(sq.id) || sq.size > nvme.mqes + 1) {
            nvme.complete(c, 0x101, 0);
        } else {
            nvme.sqs.put(sq.id, sq);
            nvme.complete(c, 0, 0);
        }
    }

    private void setFeatures(Command c) {
        int feature = c.cdw[10] & 0xFF;
        switch (feature) {
            case 0x07 -> {
                int wanted = c.cdw[11] & 0xFFFF;
                int granted = Math.min(wanted, nvme.maxPairs - 1);
                nvme.complete(c, 0, granted | granted << 16);
            }
            case 0x0B -> {
                acceptedEvents = c.cdw[11];
                nvme.complete(c, 0, 0);
            }
            case 0x19 -> nvme.complete(c, c.cdw[11] == 0 ? 0 : 0x12B, 0);
            default -> nvme.complete(c, 0x002, 0);
        }
    }

    private void abort(Command c) {
        int cid = c.cdw[10] >>> 16;
        int queue = c.cdw[10] & 0xFFFF;
        Command found = null;
        for (Command h : nvme.held) {
            if (h.sq.id == queue && h.cid == cid) {
                found = h;
            }
        }
        if (found != null && abortsEndCommands) {
            nvme.held.remove(found);
            nvme.complete(found, 0x007, 0);
            nvme.complete(c, 0, 0);
        } else {
            nvme.complete(c, 0, 1);
        }
    }

    /// Something happens: the controller completes an event request.
    boolean event(int type, int information, int page) {
        Command request = eventRequests.poll();
        if (request == null) {
            return false;
        }
        nvme.complete(request, 0, type | information << 8 | page << 16);
        return true;
    }

    private void getLog(Command c) {
        int page = c.cdw[10] & 0xFF;
        int bytes = ((c.cdw[10] >>> 16 | (c.cdw[11] & 0xFFFF) << 16) + 1) * 4;
        MemorySegment d = MemorySegment.ofArray(new byte[bytes]);
        switch (page) {
            case 0x01 -> {
                put64(d, 0, 7);
                put16(d, 8, 1);
                put16(d, 12, 0x281 << 1);
                put64(d, 16, 1234);
                put32(d, 24, 1);
            }
            case 0x02 -> {
                put8(d, 0, 0);
                put16(d, 1, 323);
                put8(d, 3, 100);
                put8(d, 4, 10);
                put8(d, 5, 3);
                put64(d, 32, 1000);
                put64(d, 48, -1);
                put64(d, 56, 1);
            }
            case 0x03 -> {
                put8(d, 0, 1);
                putText(d, 8, "1.0", 8);
            }
            case 0x04 -> put32(d, 0, 0xFFFFFFFF);
            default -> {
                nvme.complete(c, 0x109, 0);
                return;
            }
        }
        MemorySegment.copy(d, 0, hal.resolve(c.prp1, bytes), 0, bytes);
        nvme.complete(c, 0, 0);
    }

    private void identify(Command c) {
        MemorySegment d = hal.resolve(c.prp1, 4096);
        int cns = c.cdw[10] & 0xFF;
        FakeNamespace ns = namespaces.get(c.nsid);
        if (oldIdentify && cns > 1) {
            nvme.complete(c, 0x002, 0);
            return;
        }
        switch (cns) {
            case 0x00 -> {
                if (ns != null) {
                    identifyNamespace(ns, d);
                }
            }
            case 0x01 -> identifyController(d);
            case 0x02 -> {
                int i = 0;
                for (int nsid : namespaces.tailMap(c.nsid + 1).keySet()) {
                    put32(d, 4 * i++, nsid);
                }
                if (garbageList) {
                    put32(d, 0, 0x7FFFFFFF);
                }
            }
            case 0x03 -> {
                if (ns == null) {
                    nvme.complete(c, 0x00B, 0);
                    return;
                }
                put8(d, 0, 3);
                put8(d, 1, 16);
                put8(d, 20, 4);
                put8(d, 21, 1);
                put8(d, 24, ns.commandSet);
            }
            case 0x06 -> put8(d, 1, wzsl);
            case 0x1C -> put64(d, 0, 1);
            default -> {
                nvme.complete(c, 0x002, 0);
                return;
            }
        }
        nvme.complete(c, 0, 0);
    }

    private void identifyController(MemorySegment d) {
        put16(d, 0, 0x1b36);
        put16(d, 2, 0x1af4);
        putText(d, 4, serial, 20);
        putText(d, 24, model, 40);
        putText(d, 64, "1.0", 8);
        put8(d, 77, mdts);
        put32(d, 80, nvme.version);
        put32(d, 92, 1 << 8);
        put8(d, 111, controllerType);
        put16(d, 256, oacs);
        put8(d, 258, 3);
        put8(d, 259, aerl);
        put8(d, 262, 3);
        put8(d, 512, sqes);
        put8(d, 513, cqes);
        put32(d, 516, 256);
        put16(d, 520, oncs);
        put8(d, 525, vwc);
        putText(d, 768, "nqn.2026-01.fake", 256);
    }

    private static void identifyNamespace(FakeNamespace ns, MemorySegment d) {
        put64(d, 0, ns.blocks);
        put64(d, 8, ns.blocks);
        put64(d, 16, ns.blocks);
        put8(d, 25, 1);
        put8(d, 26, ns.invalidFormat ? 9 : 1);
        put8(d, 29, ns.protection);
        MemorySegment.copy(ns.nguid, 0, d, ValueLayout.JAVA_BYTE, 104, 16);
        put32(d, 128, 9 << 16);
        put32(d, 132, ns.metadata | ns.blockShift << 16);
    }

    // ---- I/O

    private void io(Command c) {
        FakeNamespace ns = namespaces.get(c.nsid);
        if (ns == null) {
            nvme.complete(c, 0x00B, 0);
            return;
        }
        long lba = Integer.toUnsignedLong(c.cdw[10]) | (long) c.cdw[11] << 32;
        int blocks = (c.cdw[12] & 0xFFFF) + 1;
        if ((c.cdw[12] & 1 << 30) != 0) {
            fuas++;
        }
        switch (c.opcode) {
            case 0x00 -> {
                io.add("flush");
                nvme.complete(c, 0, 0);
            }
            case 0x01, 0x02, 0x05 -> transfer(c, ns, lba, blocks);
            case 0x08 -> {
                io.add("write-zeroes " + lba + "+" + blocks);
                for (long b = lba; b < lba + blocks; b++) {
                    ns.clear(b);
                }
                nvme.complete(c, 0, 0);
            }
            case 0x09 -> deallocate(c, ns);
            default -> nvme.complete(c, 0x001, 0);
        }
    }

    private void transfer(Command c, FakeNamespace ns, long lba, int blocks) {
        String name = c.opcode == 1 ? "write" : c.opcode == 2 ? "read" : "compare";
        io.add(name + " " + lba + "+" + blocks);
        if (lba < 0 || lba + blocks > ns.blocks) {
            nvme.complete(c, 0x080, 0);
            return;
        }
        long bytes = (long) blocks << ns.blockShift;
        if (mdts != 0 && bytes > 4096L << mdts) {
            nvme.complete(c, 0x002, 0);
            return;
        }
        int status = 0;
        byte[] all = new byte[(int) bytes];
        if (c.opcode == 2) {
            for (int i = 0; i < blocks; i++) {
                System.arraycopy(ns.read(lba + i), 0, all, i * ns.blockBytes(), ns.blockBytes());
            }
            move(c, all, true);
        } else {
            move(c, all, false);
            for (int i = 0; i < blocks; i++) {
                byte[] block =
                        Arrays.copyOfRange(all, i * ns.blockBytes(), (i + 1) * ns.blockBytes());
                if (c.opcode == 1) {
                    ns.write(lba + i, block);
                } else if (!Arrays.equals(block, ns.read(lba + i))) {
                    status = 0x285;
                }
            }
        }
        nvme.complete(c, status, 0);
    }

    /// Moves bytes through PRPs, obeying their rules: only PRP1 may begin within a page.
    private void move(Command c, byte[] bytes, boolean toHost) {
        int done = 0;
        long entry = c.prp1;
        int index = 0;
        long list = 0;
        while (done < bytes.length) {
            if (index > 0 && (entry & 0xFFF) != 0) {
                throw new AssertionError("PRP entry " + Long.toHexString(entry));
            }
            int n = (int) Math.min(bytes.length - done, 4096 - (entry & 0xFFF));
            MemorySegment memory = hal.resolve(entry, n);
            if (toHost) {
                MemorySegment.copy(bytes, done, memory, ValueLayout.JAVA_BYTE, 0, n);
            } else {
                MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, 0, bytes, done, n);
            }
            done += n;
            index++;
            if (done == bytes.length) {
                return;
            }
            if (index == 1 && bytes.length - done > 4096) {
                list = c.prp2;
            }
            if (list == 0) {
                entry = c.prp2;
            } else {
                long at = list + 8L * (index - 1);
                if ((at & 0xFFF) == 0 && index > 1) {
                    throw new AssertionError("PRP list crosses its page");
                }
                entry = hal.resolve(at, 8).get(ValueLayout.JAVA_LONG, 0);
            }
        }
    }

    private void deallocate(Command c, FakeNamespace ns) {
        int ranges = (c.cdw[10] & 0xFF) + 1;
        MemorySegment list = hal.resolve(c.prp1, 16L * ranges);
        for (int i = 0; i < ranges; i++) {
            long blocks = Integer.toUnsignedLong(list.get(ValueLayout.JAVA_INT, 16L * i + 4));
            long lba = list.get(ValueLayout.JAVA_LONG, 16L * i + 8);
            io.add("deallocate " + lba + "+" + blocks + " attributes " + c.cdw[11]);
            for (long b = lba; b < lba + blocks; b++) {
                ns.clear(b);
            }
        }
        nvme.complete(c, 0, 0);
    }

    // ---- Bytes

    private static void put8(MemorySegment d, long at, int value) {
        d.set(ValueLayout.JAVA_BYTE, at, (byte) value);
    }

    private static void put16(MemorySegment d, long at, int value) {
        d.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, (short) value);
    }

    private static void put32(MemorySegment d, long at, int value) {
        d.set(ValueLayout.JAVA_INT_UNALIGNED, at, value);
    }

    private static void put64(MemorySegment d, long at, long value) {
        d.set(ValueLayout.JAVA_LONG_UNALIGNED, at, value);
    }

    private static void putText(MemorySegment d, long at, String text, int size) {
        byte[] padded = new byte[size];
        Arrays.fill(padded, (byte) ' ');
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(bytes, 0, padded, 0, bytes.length);
        MemorySegment.copy(padded, 0, d, ValueLayout.JAVA_BYTE, at, size);
    }
}
