package helix.hal.sim.nvme;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// The admin command set. Base 2.0, section 5.
final class AdminCommands {
    static final int DELETE_IO_SQ = 0x00;
    static final int CREATE_IO_SQ = 0x01;
    static final int GET_LOG_PAGE = 0x02;
    static final int DELETE_IO_CQ = 0x04;
    static final int CREATE_IO_CQ = 0x05;
    static final int IDENTIFY = 0x06;
    static final int ABORT = 0x08;
    static final int SET_FEATURES = 0x09;
    static final int GET_FEATURES = 0x0A;
    static final int ASYNC_EVENT_REQUEST = 0x0C;
    static final int DOORBELL_BUFFER_CONFIG = 0x7C;
    static final int FORMAT_NVM = 0x80;

    static final List<Integer> SUPPORTED =
            List.of(
                    DELETE_IO_SQ,
                    CREATE_IO_SQ,
                    GET_LOG_PAGE,
                    DELETE_IO_CQ,
                    CREATE_IO_CQ,
                    IDENTIFY,
                    ABORT,
                    SET_FEATURES,
                    GET_FEATURES,
                    ASYNC_EVENT_REQUEST,
                    DOORBELL_BUFFER_CONFIG,
                    FORMAT_NVM);

    private static final int NOT_ABORTED = 1;
    private static final int RETAIN_EVENT = 1 << 15;
    private static final int MOST_LOG_BYTES = 1 << 20;

    private final Controller controller;
    private final NvmeOptions options;
    private final IdentifyData identify;
    private final Transfer transfer;

    AdminCommands(Controller controller, NvmeOptions options) {
        this.controller = controller;
        this.options = options;
        identify = new IdentifyData(controller, options);
        transfer = new Transfer(controller);
    }

    /// Executes a command.
    ///
    /// @return a [Status], or [InFlight#PENDING]
    int execute(Command command) {
        if ((command.flags & (Command.PSDT | Command.FUSE)) != 0) {
            return Status.INVALID_FIELD; // PRPs are all that admin commands may use here.
        }
        return switch (command.opcode) {
            case DELETE_IO_SQ -> deleteSubmissionQueue(command);
            case CREATE_IO_SQ -> createSubmissionQueue(command);
            case DELETE_IO_CQ -> deleteCompletionQueue(command);
            case CREATE_IO_CQ -> createCompletionQueue(command);
            case IDENTIFY -> identify.execute(command);
            case GET_LOG_PAGE -> getLogPage(command);
            case ABORT -> abort(command);
            case SET_FEATURES -> controller.features.set(command);
            case GET_FEATURES -> controller.features.get(command);
            case ASYNC_EVENT_REQUEST -> controller.events.request(command);
            case DOORBELL_BUFFER_CONFIG ->
                    options.doorbellBuffers() ? configureDoorbells(command) : Status.INVALID_OPCODE;
            case FORMAT_NVM -> format(command);
            default -> Status.INVALID_OPCODE;
        };
    }

    /// Copies data to where a command's PRPs point.
    int toHost(Command command, MemorySegment data) {
        int status = transfer.map(command.prp1, command.prp2, data.byteSize(), true);
        if (status == Status.SUCCESS) {
            transfer.put(data);
        }
        return status;
    }

    /// Copies data from where a command's PRPs point.
    int fromHost(Command command, MemorySegment data) {
        int status = transfer.map(command.prp1, command.prp2, data.byteSize(), false);
        if (status == Status.SUCCESS) {
            transfer.get(data);
        }
        return status;
    }

    // ---- Queues

    private boolean isMisplaced(long address) {
        return (address & controller.registers.pageBytes() - 1) != 0;
    }

    private boolean isWrongSize(int size) {
        return size < 2 || size > controller.registers.queueSizeLimit();
    }

    /// Section 5.4.
    private int createCompletionQueue(Command command) {
        int id = command.cdw10 & 0xFFFF;
        int size = (command.cdw10 >>> 16) + 1;
        int vector = command.cdw11 >>> 16;
        if (id == 0 || id > controller.queues.limit() || controller.queues.completion(id) != null) {
            return Status.INVALID_QUEUE_IDENTIFIER;
        }
        if (isWrongSize(size) || !controller.registers.hasStandardCompletionEntries()) {
            return Status.INVALID_QUEUE_SIZE;
        }
        if ((command.cdw11 & 1) == 0) {
            return Status.INVALID_FIELD; // CAP.CQR asks for PC.
        }
        if (isMisplaced(command.prp1)) {
            return Status.INVALID_PRP_OFFSET;
        }
        boolean messages = controller.context().messagesEnabled();
        if (vector > controller.queues.limit() || (vector != 0 && !messages)) {
            return Status.INVALID_INTERRUPT_VECTOR;
        }
        boolean interrupts = (command.cdw11 & 1 << 1) != 0;
        controller.queues.add(new CompletionQueue(id, size, command.prp1, interrupts, vector));
        return Status.SUCCESS;
    }

    /// Section 5.5.
    private int createSubmissionQueue(Command command) {
        int id = command.cdw10 & 0xFFFF;
        int size = (command.cdw10 >>> 16) + 1;
        int completionId = command.cdw11 >>> 16;
        if (completionId == 0 || completionId > controller.queues.limit()) {
            return Status.INVALID_QUEUE_IDENTIFIER;
        }
        CompletionQueue completions = controller.queues.completion(completionId);
        if (completions == null) {
            return Status.COMPLETION_QUEUE_INVALID;
        }
        if (id == 0 || id > controller.queues.limit() || controller.queues.submission(id) != null) {
            return Status.INVALID_QUEUE_IDENTIFIER;
        }
        if (isWrongSize(size) || !controller.registers.hasStandardSubmissionEntries()) {
            return Status.INVALID_QUEUE_SIZE;
        }
        if ((command.cdw11 & 1) == 0) {
            return Status.INVALID_FIELD;
        }
        if (isMisplaced(command.prp1)) {
            return Status.INVALID_PRP_OFFSET;
        }
        controller.queues.add(new SubmissionQueue(id, size, command.prp1, completions));
        return Status.SUCCESS;
    }

    /// Section 5.7: commands that were fetched end as aborted, before this one ends.
    private int deleteSubmissionQueue(Command command) {
        int id = command.cdw10 & 0xFFFF;
        SubmissionQueue queue = id == 0 ? null : controller.queues.submission(id);
        if (queue == null) {
            return Status.INVALID_QUEUE_IDENTIFIER;
        }
        controller.flight.abortAll(queue);
        controller.flight.forget(queue);
        controller.queues.remove(queue);
        return Status.SUCCESS;
    }

    /// Section 5.6.
    private int deleteCompletionQueue(Command command) {
        int id = command.cdw10 & 0xFFFF;
        CompletionQueue queue = id == 0 ? null : controller.queues.completion(id);
        if (queue == null) {
            return Status.INVALID_QUEUE_IDENTIFIER;
        }
        if (queue.users != 0) {
            controller.violation(
                    "completion queue deleted in use (Base 2.0, 5.6)",
                    "queue %d has %d submission queues".formatted(id, queue.users));
            return Status.INVALID_QUEUE_DELETION;
        }
        controller.queues.remove(queue);
        controller.interrupts.updateLine();
        return Status.SUCCESS;
    }

    /// Section 5.8.
    private int configureDoorbells(Command command) {
        if (isMisplaced(command.prp1) || isMisplaced(command.prp2)) {
            return Status.INVALID_FIELD;
        }
        controller.queues.useShadow(command.prp1, command.prp2);
        return Status.SUCCESS;
    }

    // ---- Others

    /// Section 5.1.
    private int abort(Command command) {
        int queue = command.cdw10 & 0xFFFF;
        int id = command.cdw10 >>> 16;
        if (controller.queues.submission(queue) == null) {
            command.result = NOT_ABORTED;
            return Status.INVALID_FIELD;
        }
        Command target = controller.flight.find(queue, id);
        if (target == null || target == command || !controller.faults.isAbortable(target)) {
            command.result = NOT_ABORTED;
            return Status.SUCCESS;
        }
        target.result = 0;
        controller.flight.end(target, Status.ABORT_REQUESTED);
        command.result = 0;
        return Status.SUCCESS;
    }

    /// Section 5.16.
    private int getLogPage(Command command) {
        int log = command.cdw10 & 0xFF;
        long dwords = (command.cdw10 >>> 16) + ((command.cdw11 & 0xFFFFL) << 16) + 1;
        long offset = Integer.toUnsignedLong(command.cdw12) | (long) command.cdw13 << 32;
        MemorySegment page = controller.logs.page(log);
        if (page == null) {
            return LogPages.isReserved(log) ? Status.INVALID_LOG_PAGE : Status.INVALID_FIELD;
        }
        boolean ofController = command.nsid == 0 || command.nsid == -1;
        if (log == LogPages.SMART && !ofController) {
            return Status.INVALID_FIELD; // LPA bit 0: not per namespace
        }
        long bytes = dwords * 4;
        if ((offset & 3) != 0
                || Long.compareUnsigned(offset, page.byteSize()) > 0
                || bytes > mostBytes()) {
            return Status.INVALID_FIELD;
        }
        MemorySegment data = MemorySegment.ofArray(new byte[Math.toIntExact(bytes)]);
        MemorySegment.copy(page, offset, data, 0, Math.min(bytes, page.byteSize() - offset));
        int status = toHost(command, data);
        if (status == Status.SUCCESS && (command.cdw10 & RETAIN_EVENT) == 0) {
            controller.logs.read(log);
            controller.events.logRead(log);
        }
        return status;
    }

    private long mostBytes() {
        return options.mdts() == 0 ? MOST_LOG_BYTES : 4096L << options.mdts();
    }

    /// Section 5.14, without protection information and cryptographic erase.
    private int format(Command command) {
        int format = (command.cdw10 & 0xF) | (command.cdw10 >>> 8 & 0x30); // LBAFL, LBAFU
        int erase = command.cdw10 >>> 9 & 7;
        if (format >= Namespace.FORMATS.length || (command.cdw10 >>> 5 & 7) != 0) {
            return Status.INVALID_FORMAT;
        }
        if (erase > 1) {
            return Status.INVALID_FIELD;
        }
        if (command.nsid == -1) {
            for (Namespace namespace : controller.namespaces()) {
                format(namespace, format);
            }
            return Status.SUCCESS;
        }
        Namespace namespace = controller.namespace(command.nsid);
        if (namespace == null) {
            return controller.missingNamespace(command.nsid);
        }
        format(namespace, format);
        return Status.SUCCESS;
    }

    private void format(Namespace namespace, int format) {
        boolean changed = namespace.format() != format;
        namespace.format(format);
        if (changed) {
            controller.events.namespaceChanged(namespace.nsid);
        }
    }
}
