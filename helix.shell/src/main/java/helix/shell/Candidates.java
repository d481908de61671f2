package helix.shell;

import helix.block.api.Disk;
import helix.block.api.nbd.NbdExport;
import helix.hal.api.PciDevice;
import helix.hal.api.machine.Machine;
import helix.hal.api.machine.MachineControl;
import helix.hal.api.machine.MachineControl.Choice;
import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Binder.DriverStatus;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.net.api.NetworkInterface;
import helix.net.api.tap.TapBridges;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.felix.service.command.CommandSession;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/// What TAB offers. The label of a parameter in a command's help says what may stand there:
/// `<device>`, `<disk>`, `<file>` and so on; so help and completion cannot differ.
final class Candidates {
    /// What gogo.jline offers for files.
    private static final String FILES = "__files";

    private static final Map<String, Function<Platform, List<String>>> BY_LABEL =
            Map.ofEntries(
                    Map.entry("<device>", Candidates::devices),
                    Map.entry("<pci>", Candidates::functions),
                    Map.entry("<disk>", p -> p.disks().stream().map(Disk::name).toList()),
                    Map.entry("<interface>", Candidates::interfaces),
                    Map.entry("<tap>", Candidates::taps),
                    Map.entry("<driver>", Candidates::drivers),
                    Map.entry("<nvme>", Candidates::controllers),
                    Map.entry("<machine>", p -> p.machines().stream().map(Machine::name).toList()),
                    Map.entry("<kind>", p -> choices(p, MachineControl::pluggable)),
                    Map.entry("<fault>", p -> choices(p, MachineControl::faults)),
                    Map.entry("<plugged>", Candidates::plugged),
                    Map.entry("<attached>", Candidates::plugged),
                    Map.entry("<export>", Candidates::exports));

    private final Platform platform;
    private final Map<String, Supplier<ShellCommand>> commands;

    Candidates(Platform platform, Map<String, Supplier<ShellCommand>> commands) {
        this.platform = platform;
        this.commands = commands;
    }

    /// What may stand at a place in a command line.
    ///
    /// @param command the command's full name
    /// @param words the line, its command first
    /// @param index which word is wanted
    Object at(CommandSession session, String command, List<String> words, int index)
            throws Exception {
        Supplier<ShellCommand> factory = commands.get(command);
        ArgSpec spec = factory == null ? null : wanted(specOf(command, factory), words, index);
        if (spec == null) {
            return List.of();
        }
        if (spec.completionCandidates() != null) {
            List<String> values = new ArrayList<>();
            spec.completionCandidates().forEach(values::add);
            return values;
        }
        if (spec.paramLabel().equals("<file>")) {
            return session.execute(FILES);
        }
        Function<Platform, List<String>> source = BY_LABEL.get(spec.paramLabel());
        return source == null ? List.of() : source.apply(platform);
    }

    static CommandSpec specOf(String name, Supplier<ShellCommand> factory) {
        return CommandFunction.parser(name, factory.get()).getCommandSpec();
    }

    /// The option whose value is wanted, else the parameter at that place.
    private static @Nullable ArgSpec wanted(CommandSpec spec, List<String> words, int index) {
        int position = 0;
        @Nullable OptionSpec open = null;
        for (String word : words.subList(1, Math.min(index, words.size()))) {
            if (open != null) {
                open = null;
            } else if (word.startsWith("-")) {
                OptionSpec option = spec.findOption(word);
                open = option != null && option.arity().max() > 0 ? option : null;
            } else {
                position++;
            }
        }
        if (open != null) {
            return open;
        }
        for (PositionalParamSpec parameter : spec.positionalParameters()) {
            if (parameter.index().contains(position)) {
                return parameter;
            }
        }
        return null;
    }

    private static List<String> devices(Platform platform) {
        List<String> names = new ArrayList<>(functions(platform));
        platform.devices().stream()
                .filter(e -> !(e.device() instanceof PciDevice))
                .forEach(e -> names.add(e.device().id()));
        return names;
    }

    private static List<String> functions(Platform platform) {
        List<String> names = new ArrayList<>();
        platform.devices().stream()
                .filter(e -> e.device() instanceof PciDevice)
                .forEach(e -> names.add(e.device().id()));
        platform.modules().forEach(m -> names.add(m.name()));
        return names;
    }

    private static List<String> controllers(Platform platform) {
        List<String> names = new ArrayList<>();
        for (ModuleStatus module : platform.modules()) {
            if (module.driver().equals("nvme")) {
                names.add(module.name());
                platform.disks().stream()
                        .filter(d ->
                                d.backing()
                                        .filter(b -> b.device().equals(module.deviceId()))
                                        .isPresent())
                        .forEach(d -> names.add(d.name()));
            }
        }
        return names;
    }

    private static List<String> interfaces(Platform platform) {
        return platform.interfaces().stream().map(NetworkInterface::name).toList();
    }

    private static List<String> taps(Platform platform) {
        return platform.tapBridges().stream()
                .flatMap(b -> b.bridges().stream())
                .map(TapBridges.Bridge::tap)
                .toList();
    }

    private static List<String> drivers(Platform platform) {
        return platform.binder().map(Binder::drivers).orElse(List.of()).stream()
                .map(DriverStatus::name)
                .toList();
    }

    private static List<String> exports(Platform platform) {
        return platform.nbdServer().stream()
                .flatMap(s -> s.exports().stream())
                .map(NbdExport::name)
                .toList();
    }

    private static List<String> plugged(Platform platform) {
        return platform.controls().stream().flatMap(c -> c.plugged().stream()).toList();
    }

    private static List<String> choices(
            Platform platform, Function<MachineControl, List<Choice>> which) {
        return platform.controls().stream()
                .flatMap(c -> which.apply(c).stream())
                .map(Choice::name)
                .distinct()
                .toList();
    }
}
