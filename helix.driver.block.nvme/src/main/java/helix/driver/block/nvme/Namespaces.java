package helix.driver.block.nvme;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockIdentity;
import helix.hal.api.DeviceException;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleError;
import helix.modules.api.StateReader;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/// The controller's active namespaces: those that can be driven are published as block devices, the
/// others are refused with a reason.
final class Namespaces {
    private static final Logger LOG = LoggerFactory.getLogger(Namespaces.class);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// Identifiers in one page of the active namespace list.
    private static final int LIST_ENTRIES = 1024;

    /// More namespaces than that are not looked at.
    static final int MAX_NAMESPACES = 1024;

    private static final int MIN_BLOCK_SHIFT = 9;
    private static final int MAX_BLOCK_SHIFT = 16;
    private static final int CSI_NVM = 0;

    private static final class Entry {
        final Namespace namespace;
        ModuleContext.@Nullable Registration registration;

        Entry(Namespace namespace) {
            this.namespace = namespace;
        }
    }

    private final Controller controller;
    private final PlainCalls plainCalls;
    private final ReentrantLock lock = new ReentrantLock();
    private final Map<Integer, Entry> driven = new TreeMap<>(Integer::compareUnsigned);
    private final Map<Integer, String> refused = new TreeMap<>(Integer::compareUnsigned);

    /// What was read of each active namespace.
    private final Map<Integer, NamespacePages> pages = new TreeMap<>(Integer::compareUnsigned);

    /// Who publishes, once that has begun.
    private @Nullable ModuleContext publisher;

    private Duration limit = Duration.ZERO;

    Namespaces(Controller controller, PlainCalls plainCalls) {
        this.controller = controller;
        this.plainCalls = plainCalls;
    }

    /// Looks at all active namespaces: at first, and after each change.
    ///
    /// @param each how long an admin command may take
    void scan(Duration each) {
        lock.lock();
        try {
            limit = each;
            SortedSet<Integer> active = active();
            for (Integer nsid : driven.keySet().toArray(new Integer[0])) {
                if (!active.contains(nsid)) {
                    withdraw(nsid, "no longer active");
                }
            }
            refused.keySet().retainAll(active);
            pages.keySet().retainAll(active);
            for (int nsid : active) {
                look(nsid);
            }
        } finally {
            lock.unlock();
        }
    }

    /// What was read of all active namespaces, for the next generation.
    List<NamespacePages> save() {
        lock.lock();
        try {
            return List.copyOf(pages.values());
        } finally {
            lock.unlock();
        }
    }

    /// Judges what the generation before read.
    void restore(List<NamespacePages> saved) {
        lock.lock();
        try {
            for (NamespacePages namespace : saved) {
                StateReader.require(
                        !pages.containsKey(namespace.nsid()), "namespace twice", namespace.nsid());
                judge(namespace, Level.DEBUG);
            }
        } finally {
            lock.unlock();
        }
    }

    /// A namespace that is driven.
    ///
    /// @throws ModuleError if it is not
    Namespace require(int nsid) {
        lock.lock();
        try {
            Entry entry = driven.get(nsid);
            if (entry == null) {
                throw new ModuleError(
                        "a queue is open for namespace %s, which is not driven now"
                                .formatted(Integer.toUnsignedString(nsid)));
            }
            return entry.namespace;
        } finally {
            lock.unlock();
        }
    }

    /// Base 2.0, section 5.17.2.2: identifiers above the given one in increasing order, ended by 0.
    private SortedSet<Integer> active() {
        SortedSet<Integer> active = new TreeSet<>(Integer::compareUnsigned);
        long highest = controller.identity().maxNamespace();
        if (controller.version() < NvmeRegisters.version(1, 1)
                || controller.has(Quirks.IDENTIFY_CNS)) {
            for (int nsid = 1; nsid <= Math.min(highest, MAX_NAMESPACES); nsid++) {
                active.add(nsid);
            }
            return active;
        }
        int from = 0;
        while (active.size() < MAX_NAMESPACES) {
            MemorySegment list =
                    controller.read(
                            AdminCommand.identify(AdminCommand.Cns.ACTIVE_NAMESPACES, from, 0),
                            AdminQueue.DATA_BYTES,
                            limit);
            for (int i = 0; i < LIST_ENTRIES; i++) {
                int nsid = list.get(INT, 4L * i);
                if (nsid == 0) {
                    return active;
                }
                if (Integer.compareUnsigned(nsid, from) <= 0
                        || Integer.toUnsignedLong(nsid) > highest) {
                    throw new DeviceException(
                            "%s: namespace %s after %s in the list of active ones (NN=%d)"
                                    .formatted(
                                            controller.name(),
                                            Integer.toUnsignedString(nsid),
                                            Integer.toUnsignedString(from),
                                            highest));
                }
                active.add(nsid);
                from = nsid;
            }
        }
        LOG.warn("{}: only the first {} namespaces", controller.name(), active.size());
        return active;
    }

    private void look(int nsid) {
        byte[] identify =
                controller
                        .read(
                                AdminCommand.identify(AdminCommand.Cns.NAMESPACE, nsid, 0),
                                AdminQueue.DATA_BYTES,
                                limit)
                        .toArray(ValueLayout.JAVA_BYTE);
        judge(new NamespacePages(nsid, identify, descriptors(nsid)), Level.INFO);
    }

    /// Drives a namespace or refuses it, by what was read of it.
    ///
    /// @param level how loudly to say that it is driven
    private void judge(NamespacePages read, Level level) {
        int nsid = read.nsid();
        pages.put(nsid, read);
        IdentifyNamespace data = new IdentifyNamespace(MemorySegment.ofArray(read.identify()));
        String reason =
                reasonAgainst(
                        data, NamespaceDescriptors.of(MemorySegment.ofArray(read.descriptors())));
        Entry known = driven.get(nsid);
        if (reason != null) {
            if (known != null) {
                withdraw(nsid, reason);
            }
            if (!reason.equals(refused.put(nsid, reason))) {
                LOG.warn(
                        "{}: namespace {} is not driven: {}",
                        controller.name(),
                        Integer.toUnsignedString(nsid),
                        reason);
            }
            return;
        }
        refused.remove(nsid);
        Namespace fresh = make(nsid, data);
        if (known != null && isSame(known.namespace, fresh)) {
            if (known.namespace.totalBlocks() != data.blocks()) {
                LOG.info("{}: has {} blocks now", known.namespace, data.blocks());
                known.namespace.resize(data.blocks());
            }
            return;
        }
        if (known != null) {
            withdraw(nsid, "changed");
        }
        Entry entry = new Entry(fresh);
        driven.put(nsid, entry);
        LOG.atLevel(level)
                .log("{}: {} blocks of {} bytes", fresh, data.blocks(), fresh.blockSize());
        if (publisher != null) {
            publish(entry, publisher);
        }
    }

    private static boolean isSame(Namespace a, Namespace b) {
        return a.blockSize() == b.blockSize()
                && a.identity().equals(b.identity())
                && a.limits().equals(b.limits());
    }

    private byte[] descriptors(int nsid) {
        if (controller.version() < NvmeRegisters.version(1, 3)
                || controller.has(Quirks.IDENTIFY_CNS)
                || controller.has(Quirks.NO_NAMESPACE_DESCRIPTORS)) {
            return new byte[AdminQueue.DATA_BYTES];
        }
        try {
            return controller
                    .read(
                            AdminCommand.identify(AdminCommand.Cns.NAMESPACE_DESCRIPTORS, nsid, 0),
                            AdminQueue.DATA_BYTES,
                            limit)
                    .toArray(ValueLayout.JAVA_BYTE);
        } catch (CommandFailedException e) {
            LOG.debug(
                    "{}: no descriptors of namespace {}: {}",
                    controller.name(),
                    nsid,
                    e.getMessage());
            return new byte[AdminQueue.DATA_BYTES];
        }
    }

    /// Why a namespace cannot be driven, null if it can.
    private @Nullable String reasonAgainst(IdentifyNamespace ns, NamespaceDescriptors descriptors) {
        int commandSet = descriptors.commandSet();
        if (commandSet != CSI_NVM) {
            return "its command set is %s (CSI %d)"
                    .formatted(NamespaceDescriptors.commandSetName(commandSet), commandSet);
        }
        if (ns.format() >= ns.formats()) {
            return "its LBA format is %d of %d".formatted(ns.format(), ns.formats());
        }
        if (ns.metadataBytes() != 0) {
            return "its blocks have %d bytes of metadata".formatted(ns.metadataBytes());
        }
        if (ns.protectionType() != 0) {
            return "its data has end-to-end protection of type " + ns.protectionType();
        }
        int shift = ns.blockShift();
        if (shift < MIN_BLOCK_SHIFT || shift > MAX_BLOCK_SHIFT) {
            return "its blocks have 2^%d bytes, 512 to 65536 are possible".formatted(shift);
        }
        int commandBytes = controller.pairs().geometry().commandBytes();
        if (1 << shift > commandBytes) {
            return "its blocks have %d bytes, a command carries %d"
                    .formatted(1 << shift, commandBytes);
        }
        if (ns.blocks() <= 0) {
            return "it has %s blocks".formatted(Long.toUnsignedString(ns.blocks()));
        }
        return null;
    }

    private Namespace make(int nsid, IdentifyNamespace data) {
        IdentifyController id = controller.identity();
        String unique = controller.has(Quirks.BOGUS_NAMESPACE_ID) ? "" : data.uniqueId();
        boolean zeroes = id.supportsWriteZeroes() && !controller.has(Quirks.NO_WRITE_ZEROES);
        Pairs pairs = controller.pairs();
        int shift = data.blockShift();
        int writeZeroes =
                Geometry.writeZeroesBlocks(
                        controller.capabilities(), controller.writeZeroesLimit(), shift);
        return new Namespace(
                controller,
                plainCalls,
                nsid,
                shift,
                data.blocks(),
                new BlockIdentity(id.model(), id.serial(), id.firmware(), nsid, unique),
                pairs.geometry().limits(id, 1 << shift, zeroes, pairs.forClients(), writeZeroes));
    }

    /// Publishes what can be driven, from now on also what comes.
    void publishAll(ModuleContext context) {
        lock.lock();
        try {
            publisher = context;
            for (Entry entry : driven.values()) {
                publish(entry, context);
            }
        } finally {
            lock.unlock();
        }
    }

    private static void publish(Entry entry, ModuleContext context) {
        Namespace namespace = entry.namespace;
        entry.registration =
                context.publish(
                        BlockDevice.class,
                        namespace,
                        Map.of(
                                BlockDevice.NAME,
                                namespace.name(),
                                BlockDevice.IDENTITY,
                                namespace.identity().key()));
    }

    private void withdraw(int nsid, String reason) {
        Entry entry = driven.remove(nsid);
        if (entry != null) {
            LOG.info("{}: withdrawn: {}", entry.namespace, reason);
            entry.namespace.withdraw();
            if (entry.registration != null) {
                entry.registration.close();
            }
        }
    }

    /// Why namespaces are not driven, in one line; empty if all are.
    String refusals() {
        lock.lock();
        try {
            return refused.entrySet().stream()
                    .map(e -> "namespace " + e.getKey() + " is not driven: " + e.getValue())
                    .collect(Collectors.joining("; "));
        } finally {
            lock.unlock();
        }
    }

    /// All namespaces as documents: number, block device and size, or why there is none.
    java.util.List<Map<String, Object>> documents() {
        lock.lock();
        try {
            Map<Integer, Map<String, Object>> all = new TreeMap<>(Integer::compareUnsigned);
            driven.forEach((nsid, entry) -> {
                Map<String, Object> document = new LinkedHashMap<>();
                document.put("nsid", Integer.toUnsignedLong(nsid));
                document.put("name", entry.namespace.name());
                document.put("nsze", entry.namespace.totalBlocks());
                document.put("block_size", (long) entry.namespace.blockSize());
                all.put(nsid, document);
            });
            refused.forEach((nsid, reason) -> {
                Map<String, Object> document = new LinkedHashMap<>();
                document.put("nsid", Integer.toUnsignedLong(nsid));
                document.put("refused", reason);
                all.put(nsid, document);
            });
            return java.util.List.copyOf(all.values());
        } finally {
            lock.unlock();
        }
    }
}
