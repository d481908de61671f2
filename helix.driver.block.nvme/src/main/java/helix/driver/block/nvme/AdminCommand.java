package helix.driver.block.nvme;

/// An admin command. Base 2.0, section 5.
///
/// @param opcode the opcode
/// @param nsid the namespace, 0 where none is meant
/// @param prp1 a memory page or a queue, 0 for none
/// @param prp2 a second memory page, 0 for none
/// @param cdw10 command specific
/// @param cdw11 command specific
/// @param cdw12 command specific
/// @param cdw13 command specific
/// @param cdw14 command specific
record AdminCommand(
        int opcode,
        int nsid,
        long prp1,
        long prp2,
        int cdw10,
        int cdw11,
        int cdw12,
        int cdw13,
        int cdw14) {
    static final int DELETE_IO_SQ = 0x00;
    static final int CREATE_IO_SQ = 0x01;
    static final int GET_LOG_PAGE = 0x02;
    static final int DELETE_IO_CQ = 0x04;
    static final int CREATE_IO_CQ = 0x05;
    static final int IDENTIFY = 0x06;
    static final int ABORT = 0x08;
    static final int SET_FEATURES = 0x09;
    static final int ASYNC_EVENT_REQUEST = 0x0C;
    static final int DOORBELL_BUFFER_CONFIG = 0x7C;

    /// Identify, Controller or Namespace Structure. Base 2.0, section 5.17.1.
    interface Cns {
        int NAMESPACE = 0x00;
        int CONTROLLER = 0x01;
        int ACTIVE_NAMESPACES = 0x02;
        int NAMESPACE_DESCRIPTORS = 0x03;
        int COMMAND_SET_CONTROLLER = 0x06;
        int COMMAND_SETS = 0x1C;
    }

    /// Feature identifiers. Base 2.0, section 5.27.1.
    interface Feature {
        int NUMBER_OF_QUEUES = 0x07;
        int ASYNC_EVENT_CONFIGURATION = 0x0B;
        int COMMAND_SET_PROFILE = 0x19;
    }

    /// Log page identifiers. Base 2.0, section 5.16.1.
    interface Log {
        int ERROR = 0x01;
        int SMART = 0x02;
        int FIRMWARE = 0x03;
        int CHANGED_NAMESPACES = 0x04;
    }

    /// Every namespace, in NSID.
    static final int ALL_NAMESPACES = 0xFFFFFFFF;

    /// 5.17 Identify. The data goes to the admin queue's own page.
    static AdminCommand identify(int cns, int nsid, int commandSet) {
        return new AdminCommand(IDENTIFY, nsid, 0, 0, cns, commandSet << 24, 0, 0, 0);
    }

    /// 5.16 Get Log Page. RAE stays 0: reading the page re-arms its asynchronous event.
    static AdminCommand getLogPage(int log, int nsid, int bytes) {
        int dwords = bytes / 4 - 1; // NUMD is 0's based
        return new AdminCommand(
                GET_LOG_PAGE, nsid, 0, 0, log | dwords << 16, dwords >>> 16, 0, 0, 0);
    }

    /// 5.27 Set Features that carry their value in CDW11.
    static AdminCommand setFeatures(int feature, int value) {
        return new AdminCommand(SET_FEATURES, 0, 0, 0, feature, value, 0, 0, 0);
    }

    /// 5.4 Create I/O Completion Queue. PC = 1: physically contiguous; IEN by the vector.
    ///
    /// @param vector the interrupt vector, negative for a queue without interrupts
    static AdminCommand createCompletionQueue(int queue, int entries, long address, int vector) {
        int contiguous = 1;
        int interrupts = vector >= 0 ? 1 << 1 | vector << 16 : 0;
        return new AdminCommand(
                CREATE_IO_CQ,
                0,
                address,
                0,
                queue | (entries - 1) << 16,
                contiguous | interrupts,
                0,
                0,
                0);
    }

    /// 5.5 Create I/O Submission Queue, which completes to the completion queue of its number.
    static AdminCommand createSubmissionQueue(int queue, int entries, long address) {
        return new AdminCommand(
                CREATE_IO_SQ, 0, address, 0, queue | (entries - 1) << 16, 1 | queue << 16, 0, 0, 0);
    }

    /// 5.6 Delete I/O Completion Queue; its submission queue must be deleted before.
    static AdminCommand deleteCompletionQueue(int queue) {
        return new AdminCommand(DELETE_IO_CQ, 0, 0, 0, queue, 0, 0, 0, 0);
    }

    /// 5.7 Delete I/O Submission Queue. When it completes, no command of the queue is left.
    static AdminCommand deleteSubmissionQueue(int queue) {
        return new AdminCommand(DELETE_IO_SQ, 0, 0, 0, queue, 0, 0, 0, 0);
    }

    /// 5.1 Abort. In the result, bit 0 says that the command was not aborted.
    static AdminCommand abort(int queue, int commandId) {
        return new AdminCommand(ABORT, 0, 0, 0, queue | commandId << 16, 0, 0, 0, 0);
    }

    /// 5.2 Asynchronous Event Request.
    static AdminCommand asyncEventRequest() {
        return new AdminCommand(ASYNC_EVENT_REQUEST, 0, 0, 0, 0, 0, 0, 0, 0);
    }

    /// 5.8 Doorbell Buffer Config.
    static AdminCommand doorbellBufferConfig(long shadow, long eventIndex) {
        return new AdminCommand(DOORBELL_BUFFER_CONFIG, 0, shadow, eventIndex, 0, 0, 0, 0, 0);
    }

    AdminCommand withPrp1(long address) {
        return new AdminCommand(opcode, nsid, address, prp2, cdw10, cdw11, cdw12, cdw13, cdw14);
    }

    String name() {
        return switch (opcode) {
            case DELETE_IO_SQ -> "Delete I/O Submission Queue";
            case CREATE_IO_SQ -> "Create I/O Submission Queue";
            case GET_LOG_PAGE -> "Get Log Page %02xh".formatted(cdw10 & 0xFF);
            case DELETE_IO_CQ -> "Delete I/O Completion Queue";
            case CREATE_IO_CQ -> "Create I/O Completion Queue";
            case IDENTIFY -> "Identify CNS %02xh".formatted(cdw10 & 0xFF);
            case ABORT -> "Abort";
            case SET_FEATURES -> "Set Features %02xh".formatted(cdw10 & 0xFF);
            case ASYNC_EVENT_REQUEST -> "Asynchronous Event Request";
            case DOORBELL_BUFFER_CONFIG -> "Doorbell Buffer Config";
            default -> "admin command %02xh".formatted(opcode);
        };
    }
}
