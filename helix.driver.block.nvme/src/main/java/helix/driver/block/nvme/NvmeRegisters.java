package helix.driver.block.nvme;

import helix.hal.api.DeviceException;
import helix.hal.api.MmioRegion;
import helix.registers.Bits;
import java.time.Duration;

/// Controller properties in BAR0. Base 2.0, section 3.1.3.
///
/// A read-only property has no setter. Properties that this driver does not use are left out.
record NvmeRegisters(MmioRegion bar) {
    /// 3.1.3.1 Controller Capabilities, 64 bits, read only.
    interface CAP {
        long OFFSET = 0x00;

        /// Maximum Queue Entries Supported, 0's based.
        Bits MQES = Bits.of(15, 0);

        /// Timeout of each transition of CSTS.RDY, in units of 500 ms.
        Bits TO = Bits.of(31, 24);

        /// Doorbell Stride: 2 ^ (2 + DSTRD) bytes.
        Bits DSTRD = Bits.of(35, 32);

        /// Command Sets Supported.
        Bits CSS = Bits.of(44, 37);

        /// Memory Page Size Minimum: 2 ^ (12 + MPSMIN) bytes.
        Bits MPSMIN = Bits.of(51, 48);

        /// Memory Page Size Maximum: 2 ^ (12 + MPSMAX) bytes.
        Bits MPSMAX = Bits.of(55, 52);

        /// In CSS: the NVM command set.
        int CSS_NVM = 1 << 0;

        /// In CSS: one or more I/O command sets, with Identify CNS 1Ch.
        int CSS_IO_COMMAND_SETS = 1 << 6;
    }

    /// 3.1.3.2 Version, read only.
    interface VS {
        long OFFSET = 0x08;

        Bits MJR = Bits.of(31, 16);
        Bits MNR = Bits.of(15, 8);
        Bits TER = Bits.of(7, 0);
    }

    /// 3.1.3.5 Controller Configuration.
    interface CC {
        long OFFSET = 0x14;

        /// Enable.
        Bits EN = Bits.of(0);

        /// I/O Command Set Selected.
        Bits CSS = Bits.of(6, 4);

        /// Memory Page Size: 2 ^ (12 + MPS) bytes.
        Bits MPS = Bits.of(10, 7);

        /// Arbitration Mechanism Selected.
        Bits AMS = Bits.of(13, 11);

        /// Shutdown Notification.
        Bits SHN = Bits.of(15, 14);

        /// I/O Submission Queue Entry Size: 2 ^ IOSQES bytes.
        Bits IOSQES = Bits.of(19, 16);

        /// I/O Completion Queue Entry Size: 2 ^ IOCQES bytes.
        Bits IOCQES = Bits.of(23, 20);

        int CSS_NVM = 0;
        int CSS_ALL = 6;
        int AMS_ROUND_ROBIN = 0;
        int SHN_NONE = 0;
        int SHN_NORMAL = 1;
    }

    /// 3.1.3.6 Controller Status, read only here.
    interface CSTS {
        long OFFSET = 0x1C;

        /// Ready.
        Bits RDY = Bits.of(0);

        /// Controller Fatal Status.
        Bits CFS = Bits.of(1);

        /// Shutdown Status.
        Bits SHST = Bits.of(3, 2);

        int SHST_COMPLETE = 2;
    }

    /// 3.1.3.8 Admin Queue Attributes; both sizes 0's based.
    interface AQA {
        long OFFSET = 0x24;

        /// Admin Submission Queue Size.
        Bits ASQS = Bits.of(11, 0);

        /// Admin Completion Queue Size.
        Bits ACQS = Bits.of(27, 16);
    }

    /// 3.1.3.9 Admin Submission Queue Base Address, 64 bits.
    interface ASQ {
        long OFFSET = 0x28;

        Bits ASQB = Bits.of(63, 12);
    }

    /// 3.1.3.10 Admin Completion Queue Base Address, 64 bits.
    interface ACQ {
        long OFFSET = 0x30;

        Bits ACQB = Bits.of(63, 12);
    }

    /// NVMe over PCIe Transport 1.0, section 3.1.2: the doorbells begin here.
    static final long DOORBELLS = 0x1000;

    /// What a 32-bit property reads when nothing answers on PCI Express.
    static final int ALL_ONES = -1;

    private static final int MAX_PAGE_SHIFT = 16;

    long cap() {
        return bar.read64(CAP.OFFSET);
    }

    int vs() {
        return bar.read32(VS.OFFSET);
    }

    int cc() {
        return bar.read32(CC.OFFSET);
    }

    void cc(long value) {
        bar.write32(CC.OFFSET, (int) value);
    }

    int csts() {
        return bar.read32(CSTS.OFFSET);
    }

    void aqa(long value) {
        bar.write32(AQA.OFFSET, (int) value);
    }

    void asq(long address) {
        bar.write64(ASQ.OFFSET, address & ASQ.ASQB.mask());
    }

    void acq(long address) {
        bar.write64(ACQ.OFFSET, address & ACQ.ACQB.mask());
    }

    /// Submission Queue y Tail Doorbell: 1000h + 2y * (4 << CAP.DSTRD).
    static long tailDoorbell(int queue, int stride) {
        return DOORBELLS + 2L * queue * stride;
    }

    /// Completion Queue y Head Doorbell: 1000h + (2y + 1) * (4 << CAP.DSTRD).
    static long headDoorbell(int queue, int stride) {
        return DOORBELLS + (2L * queue + 1) * stride;
    }

    /// What CAP says, with its units and 0's based values resolved.
    ///
    /// @param maxQueueEntries the largest I/O queue
    /// @param timeout the bound of each transition of CSTS.RDY
    /// @param doorbellStride bytes from one doorbell to the next
    /// @param commandSets CAP.CSS
    /// @param minPageShift the smallest memory page is 2 to that
    /// @param maxPageShift the largest
    record Capabilities(
            int maxQueueEntries,
            Duration timeout,
            int doorbellStride,
            int commandSets,
            int minPageShift,
            int maxPageShift) {
        static Capabilities of(long cap) {
            return new Capabilities(
                    (int) CAP.MQES.get(cap) + 1,
                    // 0 is taken as one unit: a controller that never waits is ready at once
                    // anyway.
                    Duration.ofMillis(500 * Math.max(1, CAP.TO.get(cap))),
                    4 << CAP.DSTRD.get(cap),
                    (int) CAP.CSS.get(cap),
                    12 + (int) CAP.MPSMIN.get(cap),
                    12 + (int) CAP.MPSMAX.get(cap));
        }

        /// Checks that this driver can drive such a controller.
        ///
        /// @param name the controller's
        /// @param barBytes the size of BAR 0
        /// @throws DeviceException if it cannot, saying why
        void check(String name, long barBytes) {
            String what = name + ": cannot drive this controller: ";
            if ((commandSets & (CAP.CSS_NVM | CAP.CSS_IO_COMMAND_SETS)) == 0) {
                throw new DeviceException(
                        what + "it has no NVM command set (CAP.CSS=%02x)".formatted(commandSets));
            }
            if (maxQueueEntries < 2) {
                throw new DeviceException(what + "a queue needs 2 entries, CAP.MQES allows 1");
            }
            if (minPageShift > maxPageShift || minPageShift > MAX_PAGE_SHIFT) {
                throw new DeviceException(
                        what
                                + "memory pages of 2^%d to 2^%d bytes (CAP.MPSMIN, MPSMAX) are not possible here"
                                        .formatted(minPageShift, maxPageShift));
            }
            long end = headDoorbell(1, doorbellStride) + 4;
            if (barBytes < end) {
                throw new DeviceException(
                        what
                                + "doorbells of two queues need %d bytes of registers (CAP.DSTRD), BAR 0 has %d"
                                        .formatted(end, barBytes));
            }
        }
    }

    /// Version of the specification, comparable as a number: 2.0 is 0x020000.
    static int version(int major, int minor) {
        return (int) (VS.MJR.put(major) | VS.MNR.put(minor));
    }

    static String versionText(int vs) {
        return VS.MJR.get(vs) + "." + VS.MNR.get(vs) + "." + VS.TER.get(vs);
    }

    /// The registers that matter when something does not happen.
    String dump() {
        try {
            return "CC=%08x CSTS=%08x".formatted(cc(), csts());
        } catch (DeviceException e) {
            return "registers cannot be read: " + e.getMessage();
        }
    }
}
