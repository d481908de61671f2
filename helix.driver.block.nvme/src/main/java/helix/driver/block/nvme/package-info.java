/// A driver for NVM Express controllers on PCI Express.
///
/// Written along the NVM Express Base Specification 2.0 ("Base") and the NVM Command Set
/// Specification 1.0 ("NVM"); section numbers refer to these revisions. The reading order is
/// NvmeDriver, Controller, AdminQueue, Namespaces, IoQueue, Watch.
@NullMarked
package helix.driver.block.nvme;

import org.jspecify.annotations.NullMarked;
