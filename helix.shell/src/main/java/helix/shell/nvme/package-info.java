/// Commands answered by the NVMe driver.
@NullMarked
package helix.shell.nvme;

import org.jspecify.annotations.NullMarked;
