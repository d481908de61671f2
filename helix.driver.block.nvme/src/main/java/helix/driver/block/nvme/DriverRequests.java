package helix.driver.block.nvme;

import helix.hal.api.DeviceException;
import helix.modules.api.ModuleError;
import helix.modules.api.Request;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;

/// What can be asked of the driver beside I/O: identify structures and log pages, as documents with
/// the field names that nvme-cli prints.
final class DriverRequests {
    private static final int MAX_ERROR_ENTRIES = AdminQueue.DATA_BYTES / LogPages.ERROR_BYTES;

    private static final int MAX_ROUND_TRIPS = 100_000;

    private final Controller controller;
    private final Namespaces namespaces;

    DriverRequests(Controller controller, Namespaces namespaces) {
        this.controller = controller;
        this.namespaces = namespaces;
    }

    Object answer(Request request) {
        try {
            return switch (request.name()) {
                case "id-ctrl" -> controller.identity().document();
                case "id-ns" -> identifyNamespace(number(request, "nsid", -1));
                case "list-ns" -> namespaces.documents();
                case "smart-log" -> smart(number(request, "nsid", 0xFFFFFFFFL));
                case "error-log" -> errors(number(request, "entries", MAX_ERROR_ENTRIES));
                case "fw-log" -> firmware();
                case "mmio-round-trip" -> roundTrip(number(request, "count", 10_000));
                default ->
                        throw new ModuleError(
                                "%s: no request '%s' (there are id-ctrl, id-ns, list-ns, smart-log, error-log, fw-log, mmio-round-trip)"
                                        .formatted(controller.name(), request.name()));
            };
        } catch (DeviceException e) {
            throw new ModuleError(String.valueOf(e.getMessage()), e);
        }
    }

    private static long number(Request request, String name, long absent) {
        Object value = request.arguments().get(name);
        if (value == null) {
            if (absent < 0) {
                throw new ModuleError(request.name() + " needs " + name);
            }
            return absent;
        }
        if (value instanceof Number n && n.longValue() >= 0 && n.longValue() <= 0xFFFFFFFFL) {
            return n.longValue();
        }
        throw new ModuleError(request.name() + ": " + name + "=" + value + " is no such number");
    }

    private Object identifyNamespace(long nsid) {
        return new IdentifyNamespace(
                        controller.read(
                                AdminCommand.identify(AdminCommand.Cns.NAMESPACE, (int) nsid, 0),
                                AdminQueue.DATA_BYTES,
                                controller.settings().adminTimeout()))
                .document();
    }

    private Object smart(long nsid) {
        return DataField.document(
                LogPages.SMART, log(AdminCommand.Log.SMART, (int) nsid, LogPages.SMART_BYTES));
    }

    private Object errors(long wanted) {
        long entries =
                Math.min(
                        Math.min(wanted, MAX_ERROR_ENTRIES),
                        controller.identity().errorLogEntries());
        if (entries < 1) {
            throw new ModuleError("error-log: entries=" + wanted + " is too few");
        }
        return LogPages.errors(
                log(
                        AdminCommand.Log.ERROR,
                        AdminCommand.ALL_NAMESPACES,
                        (int) entries * LogPages.ERROR_BYTES));
    }

    private Object firmware() {
        return DataField.document(
                LogPages.FIRMWARE,
                log(
                        AdminCommand.Log.FIRMWARE,
                        AdminCommand.ALL_NAMESPACES,
                        LogPages.FIRMWARE_BYTES));
    }

    /// How long one register read takes: what no design of a driver can make shorter.
    private Map<String, Object> roundTrip(long count) {
        if (count < 1 || count > MAX_ROUND_TRIPS) {
            throw new ModuleError(
                    "mmio-round-trip: count=" + count + " is not in 1.." + MAX_ROUND_TRIPS);
        }
        long[] nanos = new long[(int) count];
        for (int i = 0; i < nanos.length; i++) {
            long begin = System.nanoTime();
            controller.registers().cap();
            nanos[i] = System.nanoTime() - begin;
        }
        Arrays.sort(nanos);
        return Map.of("count", count, "medianNanos", nanos[nanos.length / 2]);
    }

    private MemorySegment log(int page, int nsid, int bytes) {
        return controller.read(
                AdminCommand.getLogPage(page, nsid, bytes),
                bytes,
                controller.settings().adminTimeout());
    }
}
