package helix.hal.sim.nvme;

import java.lang.foreign.MemorySegment;

/// The NVM command set. NVM 1.0, section 3; Flush is Base 2.0, section 7.1.
final class IoCommands {
    static final int FLUSH = 0x00;
    static final int WRITE = 0x01;
    static final int READ = 0x02;
    static final int WRITE_UNCORRECTABLE = 0x04;
    static final int COMPARE = 0x05;
    static final int WRITE_ZEROES = 0x08;
    static final int DATASET_MANAGEMENT = 0x09;
    static final int VERIFY = 0x0C;

    private static final int FUA = 1 << 30;
    private static final int ALL_NAMESPACES = -1;
    private static final int RANGE_BYTES = 16;
    private static final int DEALLOCATE = 1 << 2;

    private final Controller controller;
    private final Transfer transfer;
    private final MemorySegment scratch;
    private final long maxBytes;

    IoCommands(Controller controller, NvmeOptions options) {
        this.controller = controller;
        transfer = new Transfer(controller);
        maxBytes = options.mdts() == 0 ? Long.MAX_VALUE : 4096L << options.mdts();
        scratch = MemorySegment.ofArray(new byte[65536]);
    }

    /// Executes a command.
    ///
    /// @return a [Status]
    int execute(Command command) {
        if ((command.flags & (Command.PSDT | Command.FUSE)) != 0) {
            return Status.INVALID_FIELD; // SGLS and FUSES are 0.
        }
        if (command.opcode == FLUSH && command.nsid == ALL_NAMESPACES) {
            controller.flushAll();
            return Status.SUCCESS;
        }
        if (command.nsid == ALL_NAMESPACES && isKnown(command.opcode)) {
            return Status.INVALID_FIELD; // Base 2.0, figure 87: Flush alone takes this value.
        }
        Namespace namespace = controller.namespace(command.nsid);
        if (namespace == null) {
            return isKnown(command.opcode)
                    ? controller.missingNamespace(command.nsid)
                    : Status.INVALID_OPCODE;
        }
        return switch (command.opcode) {
            case READ -> read(command, namespace);
            case WRITE -> write(command, namespace);
            case FLUSH -> {
                namespace.flush();
                yield Status.SUCCESS;
            }
            case COMPARE -> compare(command, namespace);
            case WRITE_ZEROES -> writeZeroes(command, namespace);
            case DATASET_MANAGEMENT -> manage(command, namespace);
            case VERIFY -> verify(command, namespace);
            case WRITE_UNCORRECTABLE -> writeUncorrectable(command, namespace);
            default -> Status.INVALID_OPCODE;
        };
    }

    private static boolean isKnown(int opcode) {
        return switch (opcode) {
            case FLUSH,
                    WRITE,
                    READ,
                    WRITE_UNCORRECTABLE,
                    COMPARE,
                    WRITE_ZEROES,
                    DATASET_MANAGEMENT,
                    VERIFY ->
                    true;
            default -> false;
        };
    }

    private int read(Command command, Namespace namespace) {
        int blocks = command.blocks();
        long bytes = (long) blocks << namespace.blockShift();
        int status = prepare(command, namespace, blocks, bytes, true);
        if (status != Status.SUCCESS) {
            return status;
        }
        if (namespace.isUncorrectable(command.startingBlock(), blocks)) {
            return Status.UNRECOVERED_READ_ERROR;
        }
        if (namespace.isNull()) {
            transfer.zero();
        } else {
            namespace.read(command.startingBlock(), transfer, controller.dma().memory());
        }
        controller.smart.read(bytes);
        return Status.SUCCESS;
    }

    private int write(Command command, Namespace namespace) {
        int blocks = command.blocks();
        long bytes = (long) blocks << namespace.blockShift();
        int status = prepare(command, namespace, blocks, bytes, false);
        if (status != Status.SUCCESS) {
            return status;
        }
        boolean cut = controller.faults.cutsPowerAtThisWrite();
        boolean durably = !cut && isDurable(command);
        if (!namespace.isNull()) {
            namespace.write(
                    command.startingBlock(), bytes, transfer, controller.dma().memory(), durably);
        }
        controller.smart.written(bytes);
        if (cut) {
            controller.cutPower();
            return InFlight.PENDING;
        }
        return Status.SUCCESS;
    }

    private boolean isDurable(Command command) {
        return (command.cdw12 & FUA) != 0 || !controller.features.isCacheEnabled();
    }

    private int prepare(
            Command command, Namespace namespace, int blocks, long bytes, boolean deviceWrites) {
        if (bytes > maxBytes) {
            return Status.INVALID_FIELD;
        }
        if (namespace.isOutside(command.startingBlock(), blocks)) {
            return Status.LBA_OUT_OF_RANGE;
        }
        return transfer.map(command.prp1, command.prp2, bytes, deviceWrites);
    }

    private int compare(Command command, Namespace namespace) {
        int blocks = command.blocks();
        long bytes = (long) blocks << namespace.blockShift();
        int status = prepare(command, namespace, blocks, bytes, false);
        if (status != Status.SUCCESS) {
            return status;
        }
        if (namespace.isUncorrectable(command.startingBlock(), blocks)) {
            return Status.UNRECOVERED_READ_ERROR;
        }
        controller.smart.read(bytes);
        return isEqual(namespace, command.startingBlock() << namespace.blockShift())
                ? Status.SUCCESS
                : Status.COMPARE_FAILURE | Status.DNR;
    }

    private boolean isEqual(Namespace namespace, long position) {
        MemorySegment memory = controller.dma().memory();
        long at = position;
        for (int i = 0; i < transfer.pieces(); i++) {
            long offset = transfer.offset(i);
            long end = offset + transfer.length(i);
            while (offset < end) {
                long part = Math.min(end - offset, scratch.byteSize());
                namespace.readBytes(at, scratch, part);
                if (MemorySegment.mismatch(scratch, 0, part, memory, offset, offset + part) >= 0) {
                    return false;
                }
                at += part;
                offset += part;
            }
        }
        return true;
    }

    private int writeZeroes(Command command, Namespace namespace) {
        int blocks = command.blocks();
        if (namespace.isOutside(command.startingBlock(), blocks)) {
            return Status.LBA_OUT_OF_RANGE;
        }
        boolean cut = controller.faults.cutsPowerAtThisWrite();
        namespace.zero(command.startingBlock(), blocks, !cut && isDurable(command));
        if (cut) {
            controller.cutPower();
            return InFlight.PENDING;
        }
        return Status.SUCCESS;
    }

    private int verify(Command command, Namespace namespace) {
        int blocks = command.blocks();
        if (namespace.isOutside(command.startingBlock(), blocks)) {
            return Status.LBA_OUT_OF_RANGE;
        }
        return namespace.isUncorrectable(command.startingBlock(), blocks)
                ? Status.UNRECOVERED_READ_ERROR
                : Status.SUCCESS;
    }

    private int writeUncorrectable(Command command, Namespace namespace) {
        int blocks = command.blocks();
        if (namespace.isOutside(command.startingBlock(), blocks)) {
            return Status.LBA_OUT_OF_RANGE;
        }
        namespace.markUncorrectable(command.startingBlock(), blocks);
        return Status.SUCCESS;
    }

    /// Dataset Management, NVM 1.0, section 3.2.3: hints, and deallocation with zeroes to be read
    /// afterwards (DLFEAT). All ranges are checked before one is deallocated.
    private int manage(Command command, Namespace namespace) {
        int ranges = (command.cdw10 & 0xFF) + 1;
        long bytes = (long) ranges * RANGE_BYTES;
        int status = transfer.map(command.prp1, command.prp2, bytes, false);
        if (status != Status.SUCCESS) {
            return status;
        }
        if ((command.cdw11 & DEALLOCATE) == 0) {
            return Status.SUCCESS;
        }
        MemorySegment list = scratch.asSlice(0, bytes);
        transfer.get(list);
        for (int i = 0; i < ranges; i++) {
            if (namespace.isOutside(first(list, i), length(list, i))) {
                return Status.LBA_OUT_OF_RANGE;
            }
        }
        boolean durably = !controller.features.isCacheEnabled();
        for (int i = 0; i < ranges; i++) {
            namespace.zero(first(list, i), length(list, i), durably);
        }
        return Status.SUCCESS;
    }

    private static long length(MemorySegment list, int range) {
        return Integer.toUnsignedLong(list.get(Little.INTS, (long) range * RANGE_BYTES + 4));
    }

    private static long first(MemorySegment list, int range) {
        return list.get(Little.LONGS, (long) range * RANGE_BYTES + 8);
    }
}
