package helix.modules.internal;

import helix.modules.api.ModuleState;
import helix.modules.internal.ModuleRun.Legacy;
import java.util.Optional;

/// Whether what a module saved can be left to the next generation.
final class Legacies {
    private Legacies() {}

    static Legacy judge(String module, Optional<ModuleState> saved, ModuleState.Schema agreed) {
        if (saved.isEmpty()) {
            return new Legacy(null, module + " saved no state");
        }
        ModuleState state = saved.get();
        if (!state.schema().equals(agreed.name()) || state.version() != agreed.version()) {
            return new Legacy(
                    null,
                    "%s saved %s version %d, not %s version %d"
                            .formatted(
                                    module,
                                    state.schema(),
                                    state.version(),
                                    agreed.name(),
                                    agreed.version()));
        }
        return state.isIntact()
                ? new Legacy(state, "")
                : new Legacy(null, "the checksum of the state that " + module + " saved is wrong");
    }

    /// Why a state that one revision saves is not taken over by another, or nothing.
    static String misfit(
            Optional<ModuleState.Schema> saves, Optional<ModuleState.Schema> takesOver) {
        if (saves.isEmpty()) {
            return "the revision in service saves no state";
        }
        if (takesOver.isEmpty()) {
            return "the new revision takes over no state";
        }
        ModuleState.Schema saved = saves.get();
        ModuleState.Schema taken = takesOver.get();
        return taken.reads(saved)
                ? ""
                : "the new revision takes over %s versions %d to %d, here is %s version %d"
                        .formatted(
                                taken.name(),
                                taken.oldest(),
                                taken.version(),
                                saved.name(),
                                saved.version());
    }
}
