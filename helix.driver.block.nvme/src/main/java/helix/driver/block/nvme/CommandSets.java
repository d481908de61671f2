package helix.driver.block.nvme;

import helix.hal.api.DeviceException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What a controller with several I/O command sets says of them: step 8 of Base 2.0, section 3.5.1.
final class CommandSets {
    private static final Logger LOG = LoggerFactory.getLogger(CommandSets.class);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int COMBINATIONS = 512;

    /// The controller that executes the command, in CDW10 bits 31:16.
    private static final int THIS_CONTROLLER = 0xFFFF << 16;

    /// The bit of the NVM command set.
    private static final long NVM = 1;

    private static final DataField WZSL = DataField.number("wzsl", 1, 1);

    private CommandSets() {}

    /// Selects a combination of command sets that has the NVM command set.
    static void select(String name, AdminQueue admin, Duration limit) {
        MemorySegment combinations =
                admin.read(
                        AdminCommand.identify(
                                AdminCommand.Cns.COMMAND_SETS | THIS_CONTROLLER, 0, 0),
                        AdminQueue.DATA_BYTES,
                        limit);
        int selected = choose(combinations);
        if (selected < 0) {
            throw new DeviceException(
                    name + ": no combination of command sets has the NVM command set");
        }
        admin.execute(
                AdminCommand.setFeatures(AdminCommand.Feature.COMMAND_SET_PROFILE, selected),
                limit);
    }

    /// The combination to select: of those with the NVM command set, the one with the most others.
    ///
    /// @param data I/O Command Set data structure, Identify CNS 1Ch: 512 vectors of 64 bits
    /// @return its index, -1 if there is none
    static int choose(MemorySegment data) {
        int best = -1;
        int bestCount = 0;
        for (int i = 0; i < COMBINATIONS; i++) {
            long sets = data.get(LONG, (long) i * Long.BYTES);
            if ((sets & NVM) != 0 && Long.bitCount(sets) > bestCount) {
                best = i;
                bestCount = Long.bitCount(sets);
            }
        }
        return best;
    }

    /// Write Zeroes Size Limit, of Identify CNS 06h for the NVM command set. NVM 1.0, section
    /// 4.1.5.
    ///
    /// @return a power of two of CAP.MPSMIN pages, 0 for no limit
    static int writeZeroesLimit(String name, AdminQueue admin, Duration limit) {
        try {
            return WZSL.getInt(
                    admin.read(
                            AdminCommand.identify(AdminCommand.Cns.COMMAND_SET_CONTROLLER, 0, 0),
                            AdminQueue.DATA_BYTES,
                            limit));
        } catch (CommandFailedException e) {
            LOG.debug("{}: no limits of the NVM command set: {}", name, e.getMessage());
            return 0;
        }
    }
}
