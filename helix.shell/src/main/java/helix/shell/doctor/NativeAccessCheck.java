package helix.shell.doctor;

import java.util.function.BooleanSupplier;

/// Whether bundles may call the system's functions. Where not, components fail while their bundles
/// stay active.
///
/// @param enabled whether they may
record NativeAccessCheck(BooleanSupplier enabled) implements Check {
    @Override
    public String name() {
        return "native access";
    }

    @Override
    public Result run() {
        return enabled.getAsBoolean()
                ? Result.ok("enabled for all bundles")
                : Result.fail(
                        "bundles may not call the system's functions",
                        "start with ./helix, or give java --enable-native-access=ALL-UNNAMED");
    }
}
