package helix.integration;

import java.util.List;

/// The faults of the table. A time-out of a request is a second in the test.
final class FaultList {
    private static final String NVME = "nvme";
    private static final String BLK = "virtio-blk";
    private static final String NET = "virtio-net";

    /// Nothing has to be waited for; a busy computer has its time.
    private static final double AT_ONCE = 2;

    /// The time-out and a reset.
    private static final double TIMEOUT = 4;

    /// The time-out, the grace for Abort, and a reset.
    private static final double ABORT = 6;

    /// The longest that a reset may take, CAP.TO, by the driver and by the HAL, and a restart.
    private static final double RESET = 25;

    static final List<Fault> ALL =
            List.of(
                    Fault.of(NVME, "media error", "media-error lba=0 count=8", "", AT_ONCE),
                    Fault.of(NVME, "time-out", "time-out times=1", "", TIMEOUT),
                    Fault.of(
                            NVME,
                            "time-out that Abort does not end",
                            "time-out times=1 abort=off",
                            "",
                            ABORT),
                    Fault.of(NVME, "dropped interrupt", "drop-interrupts count=1", "", AT_ONCE),
                    Fault.of(
                            NVME,
                            "interrupt storm",
                            "interrupt-storm vector=1 count=100000",
                            "none",
                            TIMEOUT),
                    Fault.of(
                            NVME,
                            "stuck admin command, Identify",
                            "admin-stuck opcode=6 times=1; rebind",
                            "",
                            RESET),
                    Fault.of(
                            NVME,
                            "stuck admin command, Create I/O Completion Queue",
                            "admin-stuck opcode=5 times=1; rebind",
                            "",
                            RESET),
                    Fault.of(
                            NVME,
                            "stuck admin command, Abort",
                            "time-out times=1; admin-stuck opcode=8 times=1",
                            "",
                            ABORT),
                    Fault.of(NVME, "completion with a wrong id", "completion field=id", "", ABORT),
                    Fault.of(
                            NVME,
                            "completion with a wrong phase",
                            "completion field=phase",
                            "",
                            ABORT),
                    Fault.of(
                            NVME,
                            "completion with a wrong status",
                            "completion field=status",
                            "",
                            AT_ONCE),
                    Fault.of(
                            NVME,
                            "completion with a wrong head",
                            "completion field=head",
                            "",
                            ABORT),
                    Fault.of(NVME, "all-ones reads", "all-ones ms=500", "", ABORT),
                    Fault.removal(NVME, TIMEOUT),
                    Fault.fails(
                            NVME,
                            "reset that never confirms",
                            "reset-stuck; stuck-reset; fatal",
                            "reset-stuck off=on; none",
                            RESET),
                    Fault.of(NVME, "late reset", "late-reset ms=500; rebind", "none", TIMEOUT),
                    Fault.of(NVME, "fatal status", "fatal", "", TIMEOUT),
                    Fault.of(NVME, "slow device", "slow-device us=20000", "none", AT_ONCE),
                    Fault.of(NVME, "slow commands", "delay us=100000", "delay off=on", AT_ONCE),
                    Fault.fails(
                            NVME,
                            "corrupted identify data",
                            "identify cns=1 offset=512 value=0; rebind",
                            "identify off=on; rebind",
                            TIMEOUT),
                    Fault.of(BLK, "media error", "media-error count=2", "", AT_ONCE),
                    Fault.of(BLK, "time-out", "swallow", "", TIMEOUT),
                    Fault.of(BLK, "dropped interrupt", "drop-interrupts count=1", "", AT_ONCE),
                    Fault.of(
                            BLK,
                            "interrupt storm",
                            "interrupt-storm vector=1 count=100000",
                            "none",
                            TIMEOUT),
                    Fault.of(BLK, "completion with a wrong id", "used-id", "", TIMEOUT),
                    Fault.of(BLK, "completion with a wrong length", "used-length", "", TIMEOUT),
                    Fault.of(BLK, "completion twice", "duplicate-used", "", TIMEOUT),
                    Fault.of(BLK, "completion that is not shown", "drop-used", "", TIMEOUT),
                    Fault.of(BLK, "used index that jumps", "index-jump", "", TIMEOUT),
                    Fault.of(BLK, "needs a reset", "needs-reset", "", TIMEOUT),
                    Fault.of(BLK, "changing configuration", "config-change; rebind", "", TIMEOUT),
                    Fault.of(BLK, "all-ones reads", "all-ones ms=500", "", ABORT),
                    Fault.removal(BLK, TIMEOUT),
                    Fault.fails(
                            BLK,
                            "reset that never confirms",
                            "reset-hang; stuck-reset; needs-reset",
                            "reset-hang off=true; none",
                            RESET),
                    Fault.of(BLK, "late reset", "late-reset ms=500; rebind", "none", TIMEOUT),
                    Fault.of(BLK, "slow device", "slow-device us=20000", "none", AT_ONCE),
                    Fault.of(BLK, "slow requests", "slow us=100000", "slow us=0", AT_ONCE),
                    Fault.of(NET, "link flap", "link up=off", "link up=on", AT_ONCE),
                    Fault.of(NET, "short packet", "short-packet", "", AT_ONCE),
                    Fault.of(NET, "oversized packet", "oversized-packet", "", AT_ONCE),
                    Fault.of(NET, "lost packet", "drop-packet", "", AT_ONCE),
                    Fault.of(NET, "wrong number of buffers", "num-buffers", "", AT_ONCE),
                    Fault.of(NET, "dropped interrupt", "drop-interrupts count=1", "", AT_ONCE),
                    Fault.of(
                            NET,
                            "interrupt storm",
                            "interrupt-storm vector=1 count=100000",
                            "none",
                            TIMEOUT),
                    Fault.of(NET, "completion with a wrong id", "used-id queue=0", "", TIMEOUT),
                    Fault.of(
                            NET,
                            "completion with a wrong length",
                            "used-length queue=0",
                            "",
                            TIMEOUT),
                    Fault.of(NET, "completion twice", "duplicate-used queue=0", "", TIMEOUT),
                    Fault.of(NET, "used index that jumps", "index-jump queue=0", "", TIMEOUT),
                    Fault.of(NET, "needs a reset", "needs-reset", "", TIMEOUT),
                    Fault.of(
                            NET,
                            "stuck command of the control queue",
                            "swallow queue=2; rebind",
                            "",
                            TIMEOUT),
                    Fault.of(NET, "all-ones reads", "all-ones ms=500", "", ABORT),
                    Fault.removal(NET, TIMEOUT),
                    Fault.fails(
                            NET,
                            "reset that never confirms",
                            "reset-hang; stuck-reset; needs-reset",
                            "reset-hang off=true; none",
                            RESET),
                    Fault.of(NET, "late reset", "late-reset ms=500; rebind", "none", TIMEOUT),
                    Fault.of(NET, "slow device", "slow-device us=20000", "none", AT_ONCE),
                    Fault.of(NET, "slow packets", "slow us=20000", "slow us=0", AT_ONCE));

    private FaultList() {}
}
