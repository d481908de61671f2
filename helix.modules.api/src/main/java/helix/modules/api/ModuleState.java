package helix.modules.api;

import java.util.Arrays;
import java.util.zip.CRC32C;

/// What one generation leaves to the next: bytes only, never an object of the old class loader.
///
/// @param schema what the bytes mean: `nvme.queues`
/// @param version the schema's version; a reader of version n may accept older ones
/// @param data the state
/// @param checksum CRC-32C of the data
@SuppressWarnings("ArrayRecordComponent") // equals and hashCode look at the bytes
public record ModuleState(String schema, int version, byte[] data, int checksum) {
    /// What states a module saves and takes over.
    ///
    /// @param name what the bytes mean: `nvme.controller`
    /// @param version the version that it saves and takes over as it is
    /// @param oldest the oldest version that it takes over after [Module#migrate]
    public record Schema(String name, int version, int oldest) {
        /// Whether a state that another revision saves can be taken over.
        ///
        /// @param saved what the other revision says of itself
        /// @return true if name and version fit
        public boolean reads(Schema saved) {
            return name.equals(saved.name) && saved.version >= oldest && saved.version <= version;
        }
    }

    /// Takes the bytes and computes their checksum.
    ///
    /// @param schema what the bytes mean
    /// @param version the schema's version
    /// @param data the state; not copied
    /// @return the state
    public static ModuleState of(String schema, int version, byte[] data) {
        return new ModuleState(schema, version, data, checksum(data));
    }

    /// Whether the bytes are what they were when saved.
    ///
    /// @return true if the checksum is right
    public boolean isIntact() {
        return checksum(data) == checksum;
    }

    private static int checksum(byte[] data) {
        CRC32C crc = new CRC32C();
        crc.update(data);
        return (int) crc.getValue();
    }

    @Override
    public boolean equals(@org.jspecify.annotations.Nullable Object other) {
        return other instanceof ModuleState s
                && schema.equals(s.schema)
                && version == s.version
                && Arrays.equals(data, s.data);
    }

    @Override
    public int hashCode() {
        return checksum;
    }
}
