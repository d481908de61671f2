package helix.hal.sim.nvme;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/// Get Features and Set Features. Base 2.0, sections 5.15 and 5.27. None is saveable: a controller
/// level reset brings the defaults back.
final class Features {
    static final int ARBITRATION = 0x01;
    static final int POWER_MANAGEMENT = 0x02;
    static final int TEMPERATURE_THRESHOLD = 0x04;
    static final int ERROR_RECOVERY = 0x05;
    static final int VOLATILE_WRITE_CACHE = 0x06;
    static final int NUMBER_OF_QUEUES = 0x07;
    static final int INTERRUPT_COALESCING = 0x08;
    static final int INTERRUPT_VECTOR = 0x09;
    static final int WRITE_ATOMICITY = 0x0A;
    static final int ASYNC_EVENTS = 0x0B;
    static final int TIMESTAMP = 0x0E;
    static final int COMMAND_SETS = 0x19;

    static final List<Integer> SUPPORTED =
            List.of(
                    ARBITRATION,
                    POWER_MANAGEMENT,
                    TEMPERATURE_THRESHOLD,
                    ERROR_RECOVERY,
                    VOLATILE_WRITE_CACHE,
                    NUMBER_OF_QUEUES,
                    INTERRUPT_COALESCING,
                    INTERRUPT_VECTOR,
                    WRITE_ATOMICITY,
                    ASYNC_EVENTS,
                    TIMESTAMP,
                    COMMAND_SETS);

    /// Warning Composite Temperature Threshold, in kelvin.
    static final int WARNING_KELVIN = 343;

    private static final int SAVE = 1 << 31;
    private static final int CHANGEABLE = 1 << 2;
    private static final int PER_NAMESPACE = 1 << 1;
    private static final int CURRENT = 0;
    private static final int CAPABILITIES = 3;
    private static final int COALESCING_DISABLED = 1 << 16;
    private static final int OVER = 0;
    private static final int UNDER = 1;
    private static final long NANOS_PER_MILLI = 1_000_000;

    private final Controller controller;
    private final boolean cache;
    private final int vectors;
    private final int pairs;
    private final int[] plain = new int[0x20];
    private final int[] recovery;
    private final boolean[] uncoalesced;
    private final int[] thresholds = new int[2];
    private long timestamp;
    private long timestampSetAt;
    private int timestampOrigin;

    Features(Controller controller, NvmeOptions options) {
        this.controller = controller;
        cache = options.cache();
        pairs = options.queues();
        vectors = options.queues() + 1;
        uncoalesced = new boolean[vectors];
        recovery = new int[options.namespaces() + 1];
        defaults();
    }

    void reset() {
        defaults();
    }

    private void defaults() {
        for (int feature = 0; feature < plain.length; feature++) {
            plain[feature] = initial(feature);
        }
        Arrays.fill(recovery, 0);
        Arrays.fill(uncoalesced, false);
        uncoalesced[0] = true; // The admin queue's vector never waits.
        thresholds[OVER] = WARNING_KELVIN;
        thresholds[UNDER] = 0;
        timestamp = 0;
        timestampOrigin = 0;
        timestampSetAt = Long.MIN_VALUE;
    }

    private int initial(int feature) {
        return switch (feature) {
            case ARBITRATION -> 7; // AB: no limit
            case VOLATILE_WRITE_CACHE -> cache ? 1 : 0;
            case NUMBER_OF_QUEUES -> (pairs - 1) | ((pairs - 1) << 16);
            default -> 0;
        };
    }

    boolean isCacheEnabled() {
        return plain[VOLATILE_WRITE_CACHE] != 0;
    }

    int asyncEvents() {
        return plain[ASYNC_EVENTS];
    }

    boolean isTooHot(int kelvin) {
        return kelvin >= thresholds[OVER] || kelvin <= thresholds[UNDER];
    }

    /// Aggregation threshold and time for a completion queue, 0 for none.
    int coalescing(CompletionQueue queue) {
        return queue.id == 0 || uncoalesced[queue.vector] ? 0 : plain[INTERRUPT_COALESCING];
    }

    // ---- Get Features

    int get(Command command) {
        int feature = command.cdw10 & 0xFF;
        int select = command.cdw10 >>> 8 & 7;
        if (!SUPPORTED.contains(feature) || select > CAPABILITIES) {
            return Status.INVALID_FIELD;
        }
        if (feature == VOLATILE_WRITE_CACHE && !cache) {
            return Status.INVALID_FIELD;
        }
        if (select == CAPABILITIES) {
            command.result =
                    feature == COMMAND_SETS || feature == NUMBER_OF_QUEUES
                            ? CHANGEABLE
                            : CHANGEABLE | (feature == ERROR_RECOVERY ? PER_NAMESPACE : 0);
            return Status.SUCCESS;
        }
        return switch (feature) {
            case TEMPERATURE_THRESHOLD -> getThreshold(command, select);
            case ERROR_RECOVERY -> {
                if (controller.namespace(command.nsid) == null) {
                    yield controller.missingNamespace(command.nsid);
                }
                command.result = select == CURRENT ? recovery[command.nsid] : 0;
                yield Status.SUCCESS;
            }
            case INTERRUPT_VECTOR -> {
                int vector = command.cdw11 & 0xFFFF;
                if (vector >= vectors) {
                    yield Status.INVALID_FIELD;
                }
                boolean off = select == CURRENT ? uncoalesced[vector] : vector == 0;
                command.result = vector | (off ? COALESCING_DISABLED : 0);
                yield Status.SUCCESS;
            }
            case TIMESTAMP -> getTimestamp(command, select);
            default -> {
                command.result =
                        Integer.toUnsignedLong(
                                select == CURRENT ? plain[feature] : initial(feature));
                yield Status.SUCCESS;
            }
        };
    }

    private int getThreshold(Command command, int select) {
        int sensor = command.cdw11 >>> 16 & 0xF;
        int type = command.cdw11 >>> 20 & 3;
        if (sensor != 0 || type > UNDER) {
            return Status.INVALID_FIELD;
        }
        command.result = select == CURRENT ? thresholds[type] : type == OVER ? WARNING_KELVIN : 0;
        return Status.SUCCESS;
    }

    private int getTimestamp(Command command, int select) {
        MemorySegment data = MemorySegment.ofArray(new byte[8]);
        if (select == CURRENT) {
            long since = timestampSetAt == Long.MIN_VALUE ? 0 : elapsedMillis();
            data.set(
                    Little.LONGS,
                    0,
                    ((timestamp + since) & 0xFFFFFFFFFFFFL) | (long) timestampOrigin << 49);
        }
        return controller.admin.toHost(command, data);
    }

    private long elapsedMillis() {
        return (controller.context().nanos() - timestampSetAt) / NANOS_PER_MILLI;
    }

    // ---- Set Features

    int set(Command command) {
        int feature = command.cdw10 & 0xFF;
        if (!SUPPORTED.contains(feature)) {
            return Status.INVALID_FIELD;
        }
        if ((command.cdw10 & SAVE) != 0) {
            return Status.FEATURE_NOT_SAVEABLE;
        }
        if (feature != ERROR_RECOVERY && command.nsid != 0 && command.nsid != -1) {
            return controller.namespace(command.nsid) == null
                    ? controller.missingNamespace(command.nsid)
                    : Status.FEATURE_NOT_NAMESPACE_SPECIFIC;
        }
        int value = command.cdw11;
        return switch (feature) {
            case POWER_MANAGEMENT -> (value & 0x1F) == 0 ? keep(feature, value) : wrong();
            case TEMPERATURE_THRESHOLD -> setThreshold(value);
            case ERROR_RECOVERY -> setRecovery(command);
            case VOLATILE_WRITE_CACHE -> {
                if (!cache) {
                    yield wrong();
                }
                if ((value & 1) == 0) {
                    controller.flushAll();
                }
                yield keep(feature, value & 1);
            }
            case NUMBER_OF_QUEUES -> setQueues(command);
            case INTERRUPT_COALESCING -> keep(feature, value & 0xFFFF);
            case INTERRUPT_VECTOR -> {
                int vector = value & 0xFFFF;
                boolean off = (value & COALESCING_DISABLED) != 0;
                if (vector >= vectors || (vector == 0 && !off)) {
                    yield wrong();
                }
                uncoalesced[vector] = off;
                yield Status.SUCCESS;
            }
            case WRITE_ATOMICITY -> keep(feature, value & 1);
            case ASYNC_EVENTS -> {
                int status = keep(feature, value);
                controller.checkTemperature();
                yield status;
            }
            case TIMESTAMP -> setTimestamp(command);
            case COMMAND_SETS -> setCommandSets(command);
            default -> keep(feature, value);
        };
    }

    private int keep(int feature, int value) {
        plain[feature] = value;
        return Status.SUCCESS;
    }

    private static int wrong() {
        return Status.INVALID_FIELD;
    }

    private int setThreshold(int value) {
        int sensor = value >>> 16 & 0xF;
        int type = value >>> 20 & 3;
        if (type > UNDER || (sensor != 0 && sensor != 0xF)) {
            return wrong();
        }
        thresholds[type] = value & 0xFFFF;
        controller.checkTemperature();
        return Status.SUCCESS;
    }

    /// NVM 1.0, section 4.1.3.2; DULBE needs a namespace that can tell (NSFEAT bit 2), and none
    /// can.
    private int setRecovery(Command command) {
        if ((command.cdw11 & 1 << 16) != 0) {
            return wrong();
        }
        if (command.nsid == -1) {
            for (Namespace namespace : controller.namespaces()) {
                recovery[namespace.nsid] = command.cdw11 & 0xFFFF;
            }
            return Status.SUCCESS;
        }
        if (controller.namespace(command.nsid) == null) {
            return controller.missingNamespace(command.nsid);
        }
        recovery[command.nsid] = command.cdw11 & 0xFFFF;
        return Status.SUCCESS;
    }

    private int setQueues(Command command) {
        if ((command.cdw11 & 0xFFFF) == 0xFFFF || command.cdw11 >>> 16 == 0xFFFF) {
            return wrong();
        }
        if (controller.queues.hasIoQueues()) {
            return Status.COMMAND_SEQUENCE_ERROR;
        }
        command.result = Integer.toUnsignedLong(plain[NUMBER_OF_QUEUES]);
        return Status.SUCCESS;
    }

    private int setTimestamp(Command command) {
        MemorySegment data = MemorySegment.ofArray(new byte[8]);
        int status = controller.admin.fromHost(command, data);
        if (status == Status.SUCCESS) {
            timestamp = data.get(Little.LONGS, 0) & 0xFFFFFFFFFFFFL;
            timestampOrigin = 1;
            timestampSetAt = controller.context().nanos();
        }
        return status;
    }

    /// Section 5.27.1.21: there is one combination, the NVM command set alone.
    private int setCommandSets(Command command) {
        return (command.cdw11 & 0x1FF) == 0 ? keep(COMMAND_SETS, 0) : Status.COMMAND_SETS_REJECTED;
    }
}
