package helix.driver.block.nvme;

import helix.driver.api.block.BlockStatus;

/// Status of a completion: type and code as one number, `type << 8 | code`. Base 2.0, section
/// 3.3.3.2.1; NVM 1.0, section 3.1.
final class StatusCode {
    static final int SUCCESS = 0x000;
    static final int INVALID_OPCODE = 0x001;
    static final int INVALID_FIELD = 0x002;
    static final int ABORTED_POWER_LOSS = 0x005;
    static final int ABORT_REQUESTED = 0x007;
    static final int ABORTED_SQ_DELETION = 0x008;
    static final int INVALID_NAMESPACE_OR_FORMAT = 0x00B;
    static final int NAMESPACE_WRITE_PROTECTED = 0x020;
    static final int LBA_OUT_OF_RANGE = 0x080;
    static final int CAPACITY_EXCEEDED = 0x081;
    static final int READ_ONLY_RANGE = 0x182;
    static final int WRITE_FAULT = 0x280;
    static final int UNRECOVERED_READ_ERROR = 0x281;
    static final int COMPARE_FAILURE = 0x285;
    static final int DEALLOCATED_BLOCK = 0x287;
    private static final int TYPE_MEDIA = 0x200;

    private StatusCode() {}

    /// What a status means to a user of a block device.
    ///
    /// @param status type and code
    /// @return a [BlockStatus] number
    static int toBlockStatus(int status) {
        return switch (status) {
            case SUCCESS -> BlockStatus.OK;
            case INVALID_OPCODE -> BlockStatus.UNSUPPORTED;
            case ABORTED_POWER_LOSS, ABORT_REQUESTED, ABORTED_SQ_DELETION -> BlockStatus.ABORTED;
            // The driver sends valid namespaces and formats only: this one was detached.
            case INVALID_NAMESPACE_OR_FORMAT -> BlockStatus.DEVICE_GONE;
            case NAMESPACE_WRITE_PROTECTED, READ_ONLY_RANGE -> BlockStatus.READ_ONLY;
            case LBA_OUT_OF_RANGE -> BlockStatus.OUT_OF_RANGE;
            case CAPACITY_EXCEEDED -> BlockStatus.NO_SPACE;
            case COMPARE_FAILURE -> BlockStatus.COMPARE_FAILED;
            default ->
                    (status & 0x700) == TYPE_MEDIA ? BlockStatus.MEDIA_ERROR : BlockStatus.IO_ERROR;
        };
    }

    /// A status in words, for messages.
    ///
    /// @param status type and code
    /// @return such as `status 281h (unrecovered read error)`
    static String text(int status) {
        String name =
                switch (status) {
                    case SUCCESS -> "success";
                    case INVALID_OPCODE -> "invalid opcode";
                    case INVALID_FIELD -> "invalid field";
                    case ABORT_REQUESTED -> "abort requested";
                    case ABORTED_SQ_DELETION -> "aborted by queue deletion";
                    case INVALID_NAMESPACE_OR_FORMAT -> "invalid namespace or format";
                    case NAMESPACE_WRITE_PROTECTED -> "namespace is write protected";
                    case LBA_OUT_OF_RANGE -> "LBA out of range";
                    case CAPACITY_EXCEEDED -> "capacity exceeded";
                    case WRITE_FAULT -> "write fault";
                    case UNRECOVERED_READ_ERROR -> "unrecovered read error";
                    case COMPARE_FAILURE -> "compare failure";
                    case DEALLOCATED_BLOCK -> "deallocated or unwritten block";
                    default -> "see Base 2.0, section 3.3.3.2.1";
                };
        return "status %03xh (%s)".formatted(status, name);
    }
}
