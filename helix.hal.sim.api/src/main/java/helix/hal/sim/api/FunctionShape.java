package helix.hal.sim.api;

import helix.hal.api.PciBar;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// How a function looks in config space. Every function of the embedded machine is a PCI Express
/// endpoint with power management and function level reset, beside what is said here.
///
/// @param vendor vendor id
/// @param device device id
/// @param revision revision id
/// @param classCode base class, subclass and interface: 0x010802
/// @param subsystemVendor subsystem vendor id
/// @param subsystem subsystem id
/// @param bars what is decoded
/// @param msix MSI-X, if it has it
/// @param pin 1 for INTA to 4 for INTD, 0 for none
/// @param capabilities further capabilities
/// @param functionLevelReset whether FLR is offered
public record FunctionShape(
        int vendor,
        int device,
        int revision,
        int classCode,
        int subsystemVendor,
        int subsystem,
        List<Bar> bars,
        @Nullable Msix msix,
        int pin,
        List<Capability> capabilities,
        boolean functionLevelReset) {
    /// Copies the lists.
    public FunctionShape {
        bars = List.copyOf(bars);
        capabilities = List.copyOf(capabilities);
    }

    /// A base address register.
    ///
    /// @param index 0 to 5; a 64-bit one takes the next as well
    /// @param kind memory of 32 or 64 bits, or I/O
    /// @param size a power of two, in bytes
    /// @param prefetchable whether reads have no effect
    public record Bar(int index, PciBar.Kind kind, long size, boolean prefetchable) {}

    /// The MSI-X table, which the machine serves.
    ///
    /// @param vectors 1 to 2048
    /// @param bar where table and pending bits lie
    /// @param tableOffset of the table, a multiple of 8
    /// @param pendingOffset of the pending bits, a multiple of 8
    public record Msix(int vectors, int bar, long tableOffset, long pendingOffset) {}

    /// A capability in the first 256 bytes.
    public static final class Capability {
        private final int id;
        private final byte[] body;

        private Capability(int id, byte[] body) {
            this.id = id;
            this.body = body;
        }

        /// Its id, 0x09 for vendor-specific.
        ///
        /// @return 1 to 0xFF
        public int id() {
            return id;
        }

        /// What follows id and next pointer; read-only to the driver.
        ///
        /// @return a copy
        public byte[] body() {
            return body.clone();
        }
    }

    /// Begins a shape.
    ///
    /// @param vendor vendor id
    /// @param device device id
    /// @param classCode base class, subclass and interface: 0x010802
    /// @return a builder
    public static Builder builder(int vendor, int device, int classCode) {
        return new Builder(vendor, device, classCode);
    }

    /// Builds a shape.
    public static final class Builder {
        private final int vendor;
        private final int device;
        private final int classCode;
        private final List<Bar> bars = new ArrayList<>();
        private final List<Capability> capabilities = new ArrayList<>();
        private int revision;
        private int subsystemVendor;
        private int subsystem;
        private @Nullable Msix msix;
        private int pin = 1;
        private boolean functionLevelReset = true;

        private Builder(int vendor, int device, int classCode) {
            this.vendor = vendor;
            this.device = device;
            this.classCode = classCode;
        }

        /// Sets the revision.
        ///
        /// @param id revision id
        /// @return this
        public Builder revision(int id) {
            revision = id;
            return this;
        }

        /// Sets the subsystem.
        ///
        /// @param ofVendor subsystem vendor id
        /// @param id subsystem id
        /// @return this
        public Builder subsystem(int ofVendor, int id) {
            subsystemVendor = ofVendor;
            subsystem = id;
            return this;
        }

        /// Adds a memory BAR that is not prefetchable.
        ///
        /// @param index 0 to 5
        /// @param kind its kind
        /// @param size a power of two, in bytes
        /// @return this
        public Builder bar(int index, PciBar.Kind kind, long size) {
            bars.add(new Bar(index, kind, size, false));
            return this;
        }

        /// Adds MSI-X.
        ///
        /// @param vectors 1 to 2048
        /// @param bar where table and pending bits lie; declared by [#bar]
        /// @param tableOffset of the table, a multiple of 8
        /// @param pendingOffset of the pending bits, a multiple of 8
        /// @return this
        public Builder msix(int vectors, int bar, long tableOffset, long pendingOffset) {
            msix = new Msix(vectors, bar, tableOffset, pendingOffset);
            return this;
        }

        /// Sets the interrupt pin.
        ///
        /// @param number 1 for INTA to 4 for INTD, 0 for none; 1 unless set
        /// @return this
        public Builder pin(int number) {
            pin = number;
            return this;
        }

        /// Adds a capability.
        ///
        /// @param id its id
        /// @param body what follows id and next pointer
        /// @return this
        public Builder capability(int id, byte[] body) {
            capabilities.add(new Capability(id, body.clone()));
            return this;
        }

        /// Leaves function level reset out.
        ///
        /// @return this
        public Builder withoutFunctionLevelReset() {
            functionLevelReset = false;
            return this;
        }

        /// Ends.
        ///
        /// @return the shape
        public FunctionShape build() {
            return new FunctionShape(
                    vendor,
                    device,
                    revision,
                    classCode,
                    subsystemVendor,
                    subsystem,
                    bars,
                    msix,
                    pin,
                    capabilities,
                    functionLevelReset);
        }
    }
}
