package helix.hal.sim.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import helix.hal.api.DeviceException;
import helix.hal.api.machine.MachineControl.Choice;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Predicate;

/// Faults on demand. Each is counted down where it has a number of times; `off=on` ends it.
final class Faults {
    private static final String NUMBER = " times=1";
    private static final int FOREVER = Integer.MAX_VALUE;
    private static final long MICROS = 1000;

    static final List<Choice> CHOICES =
            List.of(
                    new Choice(
                            "media-error",
                            "blocks fail: lba=0 count=1 nsid=1 on=read|write|any [status=281h]"
                                    + NUMBER),
                    new Choice(
                            "time-out",
                            "I/O commands are swallowed: after=0 abort=on|off" + NUMBER),
                    new Choice(
                            "admin-stuck",
                            "admin commands are swallowed: opcode=any abort=on|off" + NUMBER),
                    new Choice(
                            "completion",
                            "completions are wrong: field=id|phase|status|head [value] queue=any"
                                    + NUMBER),
                    new Choice(
                            "identify",
                            "Identify data is corrupted: cns=1 offset=0 value=0xFF [bytes=1], or"
                                    + " seed=N flips=8"),
                    new Choice("reset-stuck", "CSTS.RDY no longer follows CC.EN"),
                    new Choice("delay", "each I/O command takes its time: us=1000"),
                    new Choice("fatal", "CSTS.CFS is set"),
                    new Choice("hot", "temperature: kelvin=360"),
                    new Choice("namespace", "a namespace goes or comes: nsid=1 state=gone|there"),
                    new Choice(
                            "power-cut",
                            "power is lost at the N-th write: at=1, now without; back after"
                                    + " ms=, or with power-on"),
                    new Choice("power-on", "power is back"));

    private record Mutation(int cns, int offset, int bytes, long value, long seed, int flips) {}

    /// A fault that a command meets, for a number of times.
    private static final class Trap {
        final Predicate<Command> meets;
        final int status;
        final boolean stuck;
        final boolean abortable;
        int times;

        Trap(Predicate<Command> meets, int status, boolean stuck, boolean abortable, int times) {
            this.meets = meets;
            this.status = status;
            this.stuck = stuck;
            this.abortable = abortable;
            this.times = times;
        }
    }

    private record Corruption(String field, int value, int queue) {}

    private final Controller controller;
    private final Map<String, List<Trap>> traps = new HashMap<>();
    private final List<Mutation> mutations = new ArrayList<>();
    private Corruption corruption = new Corruption("", 0, -1);
    private int corruptions;
    private boolean trapping;
    private boolean resetStuck;
    private long delayNanos;
    private long writesUntilCut;
    private long outageNanos = Long.MAX_VALUE;
    private boolean stuckUnabortable;

    Faults(Controller controller) {
        this.controller = controller;
    }

    // ---- What the controller asks

    boolean holdsReady() {
        return resetStuck;
    }

    /// Whether a command that begins meets a fault.
    boolean intercepts(Command command, long now) {
        if (trapping && isTrapped(command)) {
            return true;
        }
        if (delayNanos != 0 && !command.isAdmin()) {
            command.state = Command.State.DELAYED;
            command.dueAt = now + delayNanos;
            controller.wakeAt(command.dueAt);
            return true;
        }
        return false;
    }

    private boolean isTrapped(Command command) {
        for (List<Trap> list : traps.values()) {
            for (Iterator<Trap> all = list.iterator(); all.hasNext(); ) {
                Trap trap = all.next();
                if (!trap.meets.test(command)) {
                    continue;
                }
                if (trap.times != FOREVER && --trap.times == 0) {
                    all.remove();
                    trapping = traps.values().stream().anyMatch(left -> !left.isEmpty());
                }
                if (trap.stuck) {
                    command.state = Command.State.STUCK;
                    stuckUnabortable |= !trap.abortable;
                } else {
                    command.result = 0;
                    controller.flight.end(command, trap.status);
                }
                return true;
            }
        }
        return false;
    }

    boolean isAbortable(Command command) {
        return command.state != Command.State.STUCK || !stuckUnabortable;
    }

    boolean corruptsCompletions() {
        return corruptions != 0;
    }

    /// Changes a completion's last dword: identifier, phase and status.
    int corrupt(Command command, int dw3) {
        if (!isCorrupted(command) || corruption.field.equals("head")) {
            return dw3;
        }
        countCorruption();
        return switch (corruption.field) {
            case "id" -> (dw3 & 0xFFFF0000) | (corruption.value & 0xFFFF);
            case "phase" -> dw3 ^ 1 << 16;
            default -> (dw3 & 0x1FFFF) | corruption.value << 17;
        };
    }

    int corruptHead(Command command, int head) {
        if (corruptions != 0 && isCorrupted(command) && corruption.field.equals("head")) {
            countCorruption();
            return corruption.value & 0xFFFF;
        }
        return head;
    }

    private boolean isCorrupted(Command command) {
        return corruption.queue < 0 ? !command.isAdmin() : corruption.queue == command.queue.id;
    }

    private void countCorruption() {
        if (corruptions != FOREVER) {
            corruptions--;
        }
    }

    /// For how long power will be lost.
    long outageNanos() {
        return outageNanos;
    }

    boolean cutsPowerAtThisWrite() {
        return writesUntilCut != 0 && --writesUntilCut == 0;
    }

    void mutateIdentify(int cns, MemorySegment data) {
        for (Mutation mutation : mutations) {
            if (mutation.cns != cns) {
                continue;
            }
            if (mutation.flips > 0) {
                var random = new SplittableRandom(mutation.seed);
                for (int i = 0; i < mutation.flips; i++) {
                    long at = random.nextInt(4096);
                    int bit = 1 << random.nextInt(8);
                    data.set(JAVA_BYTE, at, (byte) (data.get(JAVA_BYTE, at) ^ bit));
                }
            } else {
                for (int i = 0; i < mutation.bytes; i++) {
                    data.set(
                            JAVA_BYTE,
                            mutation.offset + i,
                            (byte) (mutation.value >>> Math.min(8 * i, 63)));
                }
            }
        }
    }

    /// A controller level reset frees what was swallowed.
    void controllerReset() {
        stuckUnabortable = false;
    }

    // ---- What a person or a test asks

    String inject(String name, Map<String, String> given) {
        var options = new NvmeOptions.Reader(name, new HashMap<>(given));
        boolean off = options.flag("off", false);
        String done = off ? end(name) : begin(name, options);
        if (!off) {
            options.end();
        }
        controller.context().wake();
        return done;
    }

    private String end(String name) {
        switch (name) {
            case "media-error", "time-out", "admin-stuck" -> {
                traps.remove(name);
                trapping = traps.values().stream().anyMatch(left -> !left.isEmpty());
            }
            case "completion" -> corruptions = 0;
            case "identify" -> mutations.clear();
            case "reset-stuck" -> resetStuck = false;
            case "delay" -> delayNanos = 0;
            case "hot" -> controller.smart.temperature = Smart.KELVIN;
            case "power-cut" -> writesUntilCut = 0;
            default -> throw new DeviceException("fault " + name + " does not end");
        }
        return name + " ended";
    }

    private String begin(String name, NvmeOptions.Reader options) {
        return switch (name) {
            case "media-error" -> mediaError(options);
            case "time-out" -> timeOut(options);
            case "admin-stuck" -> adminStuck(options);
            case "completion" -> completion(options);
            case "identify" -> identify(options);
            case "reset-stuck" -> {
                resetStuck = true;
                yield "CSTS.RDY stays as it is";
            }
            case "delay" -> {
                delayNanos = options.number("us", 1000, 1, 600_000_000) * MICROS;
                yield "each I/O command takes " + delayNanos / MICROS + " microseconds";
            }
            case "fatal" -> {
                controller.registers.fatal("asked for");
                yield "CSTS.CFS is 1";
            }
            case "hot" -> {
                controller.smart.temperature = options.number("kelvin", 360, 1, 65535);
                controller.checkTemperature();
                yield "temperature is " + controller.smart.temperature + " K";
            }
            case "namespace" -> namespace(options);
            case "power-cut" -> powerCut(options);
            case "power-on" -> {
                controller.restorePower();
                yield "power is back";
            }
            default -> throw new DeviceException("no fault " + name);
        };
    }

    private void trap(String name, Trap trap) {
        traps.computeIfAbsent(name, n -> new ArrayList<>()).add(trap);
        trapping = true;
    }

    private static int times(NvmeOptions.Reader options) {
        int times = options.number("times", 1, 0, FOREVER);
        return times == 0 ? FOREVER : times;
    }

    private String mediaError(NvmeOptions.Reader options) {
        long first = options.number("lba", 0L, 0, Long.MAX_VALUE);
        long count = options.number("count", 1L, 1, Long.MAX_VALUE);
        int nsid = options.number("nsid", 1, 1, FOREVER);
        String on = options.text("on", "any");
        int status = options.number("status", 0, 0, 0x7FFF);
        int times = times(options);
        if (!List.of("read", "write", "any").contains(on)) {
            throw options.wrong("on=" + on + " is not read, write or any");
        }
        if (!on.equals("write")) {
            trap(
                    "media-error",
                    new Trap(
                            command -> reads(command) && touches(command, nsid, first, count),
                            status == 0 ? Status.UNRECOVERED_READ_ERROR : status,
                            false,
                            true,
                            times));
        }
        if (!on.equals("read")) {
            trap(
                    "media-error",
                    new Trap(
                            command -> writes(command) && touches(command, nsid, first, count),
                            status == 0 ? Status.WRITE_FAULT : status,
                            false,
                            true,
                            times));
        }
        return "blocks %d to %d of namespace %d fail".formatted(first, first + count - 1, nsid);
    }

    private static boolean reads(Command command) {
        return command.opcode == IoCommands.READ
                || command.opcode == IoCommands.COMPARE
                || command.opcode == IoCommands.VERIFY;
    }

    private static boolean writes(Command command) {
        return command.opcode == IoCommands.WRITE || command.opcode == IoCommands.WRITE_ZEROES;
    }

    private static boolean touches(Command command, int nsid, long first, long count) {
        long block = command.startingBlock();
        return !command.isAdmin()
                && command.nsid == nsid
                && block < first + count
                && block + command.blocks() > first;
    }

    private String timeOut(NvmeOptions.Reader options) {
        int[] after = {options.number("after", 0, 0, FOREVER)};
        boolean abortable = options.flag("abort", true);
        int times = times(options);
        trap(
                "time-out",
                new Trap(
                        command -> !command.isAdmin() && after[0]-- <= 0,
                        0,
                        true,
                        abortable,
                        times));
        return "I/O commands are swallowed";
    }

    private String adminStuck(NvmeOptions.Reader options) {
        int opcode = options.number("opcode", -1, 0, 255);
        boolean abortable = options.flag("abort", true);
        trap(
                "admin-stuck",
                new Trap(
                        command ->
                                command.isAdmin()
                                        && (opcode < 0
                                                ? command.opcode
                                                        != AdminCommands.ASYNC_EVENT_REQUEST
                                                : command.opcode == opcode),
                        0,
                        true,
                        abortable,
                        times(options)));
        return "admin commands are swallowed";
    }

    private String completion(NvmeOptions.Reader options) {
        String field = options.text("field", "id");
        if (!List.of("id", "phase", "status", "head").contains(field)) {
            throw options.wrong("field=" + field + " is not id, phase, status or head");
        }
        int otherwise = field.equals("status") ? Status.INTERNAL_ERROR : 0xFFFF;
        int value = options.number("value", otherwise, 0, 0xFFFF);
        int queue = options.number("queue", -1, 0, 0xFFFF);
        corruptions = times(options);
        corruption = new Corruption(field, value, queue);
        return "the %s of completions is wrong".formatted(field);
    }

    private String identify(NvmeOptions.Reader options) {
        int cns = options.number("cns", 1, 0, 255);
        int offset = options.number("offset", 0, 0, 4095);
        int bytes = options.number("bytes", 1, 1, 4096 - offset);
        long value = options.number("value", 0xFFL, Long.MIN_VALUE, Long.MAX_VALUE);
        long seed = options.number("seed", 0L, Long.MIN_VALUE, Long.MAX_VALUE);
        int flips = options.number("flips", seed == 0 ? 0 : 8, 0, 4096);
        mutations.add(new Mutation(cns, offset, bytes, value, seed, flips));
        return "Identify CNS %02xh is corrupted".formatted(cns);
    }

    private String namespace(NvmeOptions.Reader options) {
        int nsid = options.number("nsid", 1, 1, controller.namespaces().size());
        boolean there = options.choice("state", "there", "gone");
        Namespace namespace = controller.namespaces().get(nsid - 1);
        if (namespace.attached != there) {
            namespace.attached = there;
            controller.events.namespaceChanged(nsid);
        }
        return "namespace %d is %s".formatted(nsid, there ? "there" : "gone");
    }

    private String powerCut(NvmeOptions.Reader options) {
        long at = options.number("at", 0L, 0, Long.MAX_VALUE);
        int ms = options.number("ms", 0, 0, 600_000);
        outageNanos = ms == 0 ? Long.MAX_VALUE : ms * 1000L * MICROS;
        if (at == 0) {
            return "power is lost, and %d blocks with it".formatted(controller.cutPower());
        }
        writesUntilCut = at;
        return "power is lost at write " + at;
    }
}
