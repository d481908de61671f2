package helix.hal.internal.reset;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.internal.device.HalDevice;
import helix.hal.internal.pci.PciFunction;
import java.util.ArrayList;
import java.util.List;

/// Tries the resets that apply to a function until one is confirmed.
public final class Resets {
    /// Of one reset, so that the next has a chance within the caller's deadline.
    private static final long ONE_RESET_MILLIS = 10_000;

    private final List<DeviceReset> ways =
            List.of(
                    new FunctionLevelReset(),
                    new NvmeReset(),
                    new VirtioReset(),
                    new AhciReset(),
                    new XhciReset(),
                    new E1000Reset(),
                    new Rtl8139Reset(),
                    new PowerCycle());

    /// What came of it.
    ///
    /// @param confirmed whether the device can do no more DMA
    /// @param how which reset confirmed that, or why none did
    public record Outcome(boolean confirmed, String how) {}

    /// Makes a device quiet. Its bus mastering is off already.
    ///
    /// @param mastered whether it could do DMA since its last confirmed reset
    /// @param deadline until when it may take
    public Outcome reset(HalDevice device, boolean mastered, Deadline deadline) {
        if (!device.isPresent()) {
            return new Outcome(true, "gone");
        }
        if (!(device instanceof PciFunction function)) {
            return new Outcome(true, "no DMA");
        }
        List<String> tried = new ArrayList<>();
        try {
            if (!function.config().answers()) {
                return new Outcome(true, "gone");
            }
            for (DeviceReset way : ways) {
                if (way.applies(function)) {
                    long millis = Math.min(ONE_RESET_MILLIS, deadline.remainingMillis());
                    if (way.reset(function, Deadline.afterMillis(millis))) {
                        return new Outcome(true, way.name());
                    }
                    tried.add("no " + way.name());
                }
            }
        } catch (DeviceGoneException e) {
            return new Outcome(true, "gone");
        } catch (DeviceException e) {
            // A machine that broke meanwhile does no DMA; one that does not answer might.
            return device.isPresent()
                    ? new Outcome(false, String.valueOf(e.getMessage()))
                    : new Outcome(true, "gone");
        }
        if (!mastered) {
            return new Outcome(true, "never a bus master");
        }
        return new Outcome(
                false, tried.isEmpty() ? "no reset for this device" : String.join(", ", tried));
    }
}
