package helix.hal.sim.nvme;

/// Status of a completion as it stands in bits 31:17 of dword 3: code in 7:0, type in 10:8, Do Not
/// Retry in 14. Base 2.0, section 3.3.3.2.1; NVM 1.0, section 3.1.
final class Status {
    static final int DNR = 1 << 14;
    static final int SUCCESS = 0x000;
    static final int INVALID_OPCODE = 0x001 | DNR;
    static final int INVALID_FIELD = 0x002 | DNR;
    static final int COMMAND_ID_CONFLICT = 0x003 | DNR;
    static final int DATA_TRANSFER_ERROR = 0x004;
    static final int INTERNAL_ERROR = 0x006;
    static final int ABORT_REQUESTED = 0x007;
    static final int ABORTED_SQ_DELETION = 0x008;
    static final int INVALID_NAMESPACE_OR_FORMAT = 0x00B | DNR;
    static final int COMMAND_SEQUENCE_ERROR = 0x00C | DNR;
    static final int INVALID_PRP_OFFSET = 0x013 | DNR;
    static final int LBA_OUT_OF_RANGE = 0x080 | DNR;
    static final int COMPLETION_QUEUE_INVALID = 0x100 | DNR;
    static final int INVALID_QUEUE_IDENTIFIER = 0x101 | DNR;
    static final int INVALID_QUEUE_SIZE = 0x102 | DNR;
    static final int ASYNC_EVENT_LIMIT = 0x105 | DNR;
    static final int INVALID_INTERRUPT_VECTOR = 0x108 | DNR;
    static final int INVALID_LOG_PAGE = 0x109 | DNR;
    static final int INVALID_FORMAT = 0x10A | DNR;
    static final int INVALID_QUEUE_DELETION = 0x10C | DNR;
    static final int FEATURE_NOT_SAVEABLE = 0x10D | DNR;
    static final int FEATURE_NOT_CHANGEABLE = 0x10E | DNR;
    static final int FEATURE_NOT_NAMESPACE_SPECIFIC = 0x10F | DNR;
    static final int COMMAND_SETS_REJECTED = 0x12B | DNR;
    static final int INVALID_PROTECTION_INFORMATION = 0x181 | DNR;
    static final int WRITE_FAULT = 0x280;
    static final int UNRECOVERED_READ_ERROR = 0x281;
    static final int COMPARE_FAILURE = 0x285;

    private Status() {}
}
