package helix.driver.block.nvme;

import static helix.driver.block.nvme.DataField.number;
import static helix.driver.block.nvme.DataField.text;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Log pages. Base 2.0, section 5.16.1.
final class LogPages {
    /// Error Information, log page 01h: one entry. Section 5.16.1.2.
    static final List<DataField> ERROR =
            List.of(
                    number("error_count", 0, 8),
                    number("sqid", 8, 2),
                    number("cmdid", 10, 2),
                    number("status_field", 12, 2),
                    number("parm_error_location", 14, 2),
                    number("lba", 16, 8),
                    number("nsid", 24, 4),
                    number("vs", 28, 1),
                    number("trtype", 29, 1),
                    number("cs", 32, 8),
                    number("trtype_spec_info", 40, 2));

    static final int ERROR_BYTES = 64;

    /// SMART / Health Information, log page 02h. Section 5.16.1.3.
    static final List<DataField> SMART =
            List.of(
                    number("critical_warning", 0, 1),
                    number("temperature", 1, 2),
                    number("available_spare", 3, 1),
                    number("available_spare_threshold", 4, 1),
                    number("percentage_used", 5, 1),
                    number("endurance_group_critical_warning_summary", 6, 1),
                    number("data_units_read", 32, 16),
                    number("data_units_written", 48, 16),
                    number("host_read_commands", 64, 16),
                    number("host_write_commands", 80, 16),
                    number("controller_busy_time", 96, 16),
                    number("power_cycles", 112, 16),
                    number("power_on_hours", 128, 16),
                    number("unsafe_shutdowns", 144, 16),
                    number("media_errors", 160, 16),
                    number("num_err_log_entries", 176, 16),
                    number("warning_temp_time", 192, 4),
                    number("critical_comp_time", 196, 4),
                    number("temperature_sensor_1", 200, 2),
                    number("temperature_sensor_2", 202, 2),
                    number("temperature_sensor_3", 204, 2),
                    number("temperature_sensor_4", 206, 2),
                    number("temperature_sensor_5", 208, 2),
                    number("temperature_sensor_6", 210, 2),
                    number("temperature_sensor_7", 212, 2),
                    number("temperature_sensor_8", 214, 2),
                    number("thm_temp1_trans_count", 216, 4),
                    number("thm_temp2_trans_count", 220, 4),
                    number("thm_temp1_total_time", 224, 4),
                    number("thm_temp2_total_time", 228, 4));

    static final int SMART_BYTES = 512;

    /// Firmware Slot Information, log page 03h. Section 5.16.1.4.
    static final List<DataField> FIRMWARE =
            List.of(
                    number("afi", 0, 1),
                    text("frs1", 8, 8),
                    text("frs2", 16, 8),
                    text("frs3", 24, 8),
                    text("frs4", 32, 8),
                    text("frs5", 40, 8),
                    text("frs6", 48, 8),
                    text("frs7", 56, 8));

    static final int FIRMWARE_BYTES = 512;

    /// Changed Namespace List, log page 04h: up to 1024 identifiers. Section 5.16.1.5.
    static final int CHANGED_NAMESPACES_BYTES = 4096;

    private LogPages() {}

    static List<Map<String, Object>> errors(MemorySegment data) {
        List<Map<String, Object>> entries = new ArrayList<>();
        for (long at = 0; at + ERROR_BYTES <= data.byteSize(); at += ERROR_BYTES) {
            entries.add(DataField.document(ERROR, data.asSlice(at, ERROR_BYTES)));
        }
        return entries;
    }
}
