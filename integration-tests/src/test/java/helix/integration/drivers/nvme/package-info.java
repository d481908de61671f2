/// The driver of NVMe controllers with one defect each; and without one. A class becomes a bundle
/// together with the real driver's classes.
@NullMarked
package helix.integration.drivers.nvme;

import org.jspecify.annotations.NullMarked;
