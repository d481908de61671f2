/// A model of an NVM Express 2.0 controller.
@NullMarked
package helix.hal.sim.nvme;

import org.jspecify.annotations.NullMarked;
