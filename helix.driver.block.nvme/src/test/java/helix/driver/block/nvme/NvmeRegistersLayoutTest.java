package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import helix.registers.Bits;
import java.lang.reflect.Field;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The registers once more, as the tables of Base 2.0, section 3.1.3, print them: a second witness
/// to NvmeRegisters.
class NvmeRegistersLayoutTest {
    // register, offset, bytes, access, field, msb, lsb
    private static final String TABLE =
            """
            CAP  00h 8 RO MQES   15  0
            CAP  00h 8 RO TO     31 24
            CAP  00h 8 RO DSTRD  35 32
            CAP  00h 8 RO CSS    44 37
            CAP  00h 8 RO MPSMIN 51 48
            CAP  00h 8 RO MPSMAX 55 52
            VS   08h 4 RO TER     7  0
            VS   08h 4 RO MNR    15  8
            VS   08h 4 RO MJR    31 16
            CC   14h 4 RW EN      0  0
            CC   14h 4 RW CSS     6  4
            CC   14h 4 RW MPS    10  7
            CC   14h 4 RW AMS    13 11
            CC   14h 4 RW SHN    15 14
            CC   14h 4 RW IOSQES 19 16
            CC   14h 4 RW IOCQES 23 20
            CSTS 1Ch 4 RO RDY     0  0
            CSTS 1Ch 4 RO CFS     1  1
            CSTS 1Ch 4 RO SHST    3  2
            AQA  24h 4 RW ASQS   11  0
            AQA  24h 4 RW ACQS   27 16
            ASQ  28h 8 RW ASQB   63 12
            ACQ  30h 8 RW ACQB   63 12
            """;

    @Test
    void registersAreWhereTheSpecificationHasThem() throws ReflectiveOperationException {
        Map<String, String> mapped = new TreeMap<>();
        for (Class<?> register : NvmeRegisters.class.getDeclaredClasses()) {
            if (!register.isInterface()) {
                continue;
            }
            long offset = register.getDeclaredField("OFFSET").getLong(null);
            for (Field field : register.getDeclaredFields()) {
                if (field.get(null) instanceof Bits bits) {
                    mapped.put(
                            register.getSimpleName() + "." + field.getName(),
                            "%02Xh %d:%d".formatted(offset, bits.msb(), bits.lsb()));
                }
            }
        }
        Map<String, String> expected = new TreeMap<>();
        TABLE.lines()
                .map(line -> line.split("\\s+"))
                .forEach(c -> expected.put(c[0] + "." + c[4], c[1] + " " + c[5] + ":" + c[6]));
        assertThat(mapped).isEqualTo(expected);
    }

    @Test
    void readOnlyRegistersHaveNoSetter() {
        TABLE.lines()
                .map(line -> line.split("\\s+"))
                .forEach(c -> {
                    String accessor = c[0].toLowerCase(java.util.Locale.ROOT);
                    boolean setter =
                            Arrays.stream(NvmeRegisters.class.getDeclaredMethods())
                                    .anyMatch(m ->
                                            m.getName().equals(accessor)
                                                    && m.getParameterCount() == 1);
                    assertThat(setter).as(c[0]).isEqualTo(c[3].equals("RW"));
                });
    }

    @ParameterizedTest
    @CsvSource({"0,4,1000,1004", "1,4,1008,100c", "3,4,1018,101c", "1,16,1020,1030"})
    void doorbellsFollowTheirStride(int queue, int stride, String tail, String head) {
        assertThat(NvmeRegisters.tailDoorbell(queue, stride)).isEqualTo(Long.parseLong(tail, 16));
        assertThat(NvmeRegisters.headDoorbell(queue, stride)).isEqualTo(Long.parseLong(head, 16));
    }

    @Test
    void capabilitiesResolveUnitsAndZeroBasedValues() {
        var caps = NvmeRegisters.Capabilities.of(0x0040_0212_0F01_07FFL);
        assertThat(caps.maxQueueEntries()).isEqualTo(2048);
        assertThat(caps.timeout()).hasMillis(7500);
        assertThat(caps.doorbellStride()).isEqualTo(16);
        assertThat(caps.commandSets()).isEqualTo(0x10);
        assertThat(caps.minPageShift()).isEqualTo(12);
        assertThat(caps.maxPageShift()).isEqualTo(16);
        assertThat(NvmeRegisters.Capabilities.of(0).timeout()).hasMillis(500);
    }

    @Test
    void submissionEntryFieldsAreWhereTheSpecificationHasThem() {
        assertThat(SubmissionEntry.LAYOUT.byteSize()).isEqualTo(64);
        offset(SubmissionEntry.LAYOUT, "cdw0", 0);
        offset(SubmissionEntry.LAYOUT, "nsid", 4);
        offset(SubmissionEntry.LAYOUT, "mptr", 16);
        offset(SubmissionEntry.LAYOUT, "prp1", 24);
        offset(SubmissionEntry.LAYOUT, "prp2", 32);
        offset(SubmissionEntry.LAYOUT, "cdw10", 40);
        offset(SubmissionEntry.LAYOUT, "cdw15", 60);
    }

    @Test
    void completionEntryFieldsAreWhereTheSpecificationHasThem() {
        assertThat(CompletionEntry.LAYOUT.byteSize()).isEqualTo(16);
        offset(CompletionEntry.LAYOUT, "dw0", 0);
        offset(CompletionEntry.LAYOUT, "dw2", 8);
        offset(CompletionEntry.LAYOUT, "dw3", 12);
        assertThat(CompletionEntry.SQHD).isEqualTo(Bits.of(15, 0));
        assertThat(CompletionEntry.SQID).isEqualTo(Bits.of(31, 16));
        assertThat(CompletionEntry.CID).isEqualTo(Bits.of(15, 0));
        assertThat(CompletionEntry.P).isEqualTo(Bits.of(16));
        // SC 24:17, SCT 27:25.
        assertThat(CompletionEntry.STATUS).isEqualTo(Bits.of(27, 17));
    }

    private static void offset(java.lang.foreign.MemoryLayout layout, String field, long offset) {
        var path = java.lang.foreign.MemoryLayout.PathElement.groupElement(field);
        assertThat(layout.byteOffset(path)).as(field).isEqualTo(offset);
    }

    /// The fields that the driver acts on, and the last of each group, from the figures of Identify
    /// and Get Log Page.
    @Test
    void dataFieldsAreWhereTheSpecificationHasThem() {
        check(
                IdentifyController.FIELDS,
                "vid 0 2, ssvid 2 2, sn 4 20, mn 24 40, fr 64 8, rab 72 1, ieee 73 3, cmic 76 1, "
                        + "mdts 77 1, cntlid 78 2, ver 80 4, rtd3r 84 4, rtd3e 88 4, oaes 92 4, "
                        + "ctratt 96 4, rrls 100 2, cntrltype 111 1, fguid 112 16, crdt1 128 2, "
                        + "mec 255 1, oacs 256 2, acl 258 1, aerl 259 1, frmw 260 1, lpa 261 1, "
                        + "elpe 262 1, npss 263 1, wctemp 266 2, cctemp 268 2, hmpre 272 4, "
                        + "tnvmcap 280 16, unvmcap 296 16, rpmbs 312 4, kas 320 2, sanicap 328 4, "
                        + "anagrpmax 344 4, pels 352 4, sqes 512 1, cqes 513 1, maxcmd 514 2, "
                        + "nn 516 4, oncs 520 2, fuses 522 2, fna 524 1, vwc 525 1, awun 526 2, "
                        + "awupf 528 2, acwu 532 2, sgls 536 4, mnan 540 4, subnqn 768 256");
        check(
                IdentifyNamespace.FIELDS,
                "nsze 0 8, ncap 8 8, nuse 16 8, nsfeat 24 1, nlbaf 25 1, flbas 26 1, mc 27 1, "
                        + "dpc 28 1, dps 29 1, nmic 30 1, rescap 31 1, fpi 32 1, dlfeat 33 1, "
                        + "nawun 34 2, nawupf 36 2, nacwu 38 2, nabsn 40 2, nabo 42 2, nabspf 44 2, "
                        + "noiob 46 2, nvmcap 48 16, npwg 64 2, npwa 66 2, npdg 68 2, npda 70 2, "
                        + "nows 72 2, anagrpid 92 4, nsattr 99 1, nvmsetid 100 2, endgid 102 2, "
                        + "nguid 104 16, eui64 120 8");
        assertThat(IdentifyNamespace.LBAF_OFFSET).isEqualTo(128);
        check(
                LogPages.SMART,
                "critical_warning 0 1, temperature 1 2, available_spare 3 1, "
                        + "available_spare_threshold 4 1, percentage_used 5 1, data_units_read 32 16, "
                        + "data_units_written 48 16, host_read_commands 64 16, "
                        + "host_write_commands 80 16, controller_busy_time 96 16, power_cycles 112 16, "
                        + "power_on_hours 128 16, unsafe_shutdowns 144 16, media_errors 160 16, "
                        + "num_err_log_entries 176 16, warning_temp_time 192 4, "
                        + "critical_comp_time 196 4, temperature_sensor_1 200 2, "
                        + "temperature_sensor_8 214 2");
        check(
                LogPages.ERROR,
                "error_count 0 8, sqid 8 2, cmdid 10 2, status_field 12 2, "
                        + "parm_error_location 14 2, lba 16 8, nsid 24 4, vs 28 1, trtype 29 1, "
                        + "cs 32 8, trtype_spec_info 40 2");
        check(LogPages.FIRMWARE, "afi 0 1, frs1 8 8, frs7 56 8");
    }

    private static void check(java.util.List<DataField> fields, String expected) {
        var mapped = new TreeSet<String>();
        for (DataField f : fields) {
            mapped.add(f.name() + " " + f.offset() + " " + f.size());
        }
        assertThat(mapped).containsAll(Arrays.asList(expected.split(", ")));
        int end = 0;
        for (DataField f : fields) {
            assertThat(f.offset()).as(f.name() + " overlaps").isGreaterThanOrEqualTo(end);
            end = f.offset() + f.size();
        }
    }
}
