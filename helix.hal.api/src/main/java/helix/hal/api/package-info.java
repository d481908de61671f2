/// Contracts of the hardware abstraction layer: what a driver sees of hardware.
///
/// Devices are OSGi services ([PciDevice], [PlatformDevice]); what a driver does to one goes
/// through the HAL's services ([PciService], [MmioService], [IrqService], [DmaService],
/// [PortIoService]), each of which acts on a [Lease]: the revocable, exclusive right of one
/// generation of one driver. All of it is little endian.
@Export
@Version("1.0.0")
@NullMarked
package helix.hal.api;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
