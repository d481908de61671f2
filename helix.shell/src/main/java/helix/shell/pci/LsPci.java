package helix.shell.pci;

import helix.hal.api.machine.Machine;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Sizes;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Lists PCI functions, in the manner of the Linux command of that name.
@Command(description = "Lists PCI functions.")
public final class LsPci extends Report {
    private final Platform platform;

    @Option(names = "-t", description = "Show which function is behind which bridge.")
    private boolean tree;

    @Option(names = "-v", description = "Show BARs, capabilities and interrupts.")
    private boolean verbose;

    @Option(names = "-k", description = "Show drivers and their modules.")
    private boolean drivers;

    @Option(names = "-n", description = "Ids instead of names; -nn: both.")
    private boolean[] numbers = {};

    @Parameters(
            arity = "0..1",
            paramLabel = "<pci>",
            description = "Only this one: address, module or disk.")
    private @Nullable String device;

    /// Makes the command.
    ///
    /// @param platform where to look
    public LsPci(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        platform.requireMachine();
        List<PciFunction> functions = PciFunction.all(platform);
        if (device != null) {
            String id = platform.deviceId(device);
            functions = functions.stream().filter(f -> f.address().equals(id)).toList();
            if (functions.isEmpty()) {
                throw new CommandFailed("'" + device + "' is no PCI function");
            }
        }
        if (functions.isEmpty()) {
            insistOnReadyMachine();
        }
        if (out.json(functions)) {
            return;
        }
        if (tree && device == null) {
            printBehind(out, functions, null, "");
        } else {
            functions.forEach(f -> print(out, f, ""));
        }
    }

    private void insistOnReadyMachine() {
        for (Machine machine : platform.machines()) {
            Machine.Status status = machine.status();
            if (status.state() != Machine.State.READY) {
                throw new CommandFailed(
                        "machine '%s' is %s: %s"
                                .formatted(machine.name(), status.state(), status.detail()));
            }
        }
    }

    private void printBehind(
            Output out, List<PciFunction> all, @Nullable String bridge, String indent) {
        for (PciFunction function : all) {
            boolean orphan =
                    function.parent() != null
                            && all.stream().noneMatch(f -> f.address().equals(function.parent()));
            if (Objects.equals(function.parent(), bridge) || (bridge == null && orphan)) {
                print(out, function, indent);
                printBehind(out, all, function.address(), indent + "  ");
            }
        }
    }

    private void print(Output out, PciFunction f, String indent) {
        out.line(indent + f.address() + " " + title(f));
        String inner = indent + "\t";
        if (drivers || verbose) {
            if (f.driver() != null) {
                out.line(
                        inner
                                + "Driver: "
                                + f.driver()
                                + " ("
                                + f.module()
                                + ", "
                                + f.state()
                                + ")");
            } else if (f.reserved() != null) {
                out.line(inner + "Used by the platform: " + f.reserved());
            }
            if (f.reason() != null) {
                out.line(inner + "State: " + f.reason());
            }
        }
        if (verbose) {
            details(out, f, inner);
        }
    }

    private static void details(Output out, PciFunction f, String inner) {
        out.line(inner + "Machine: " + f.machine());
        out.line(inner + "Subsystem: " + f.subsystemVendor() + ":" + f.subsystem());
        PciFunction.Interrupt irq = f.interrupt();
        if (irq != null) {
            out.line(inner + "Interrupt: pin " + irq.pin() + ", line " + irq.line());
        }
        for (PciFunction.Bar bar : f.bars()) {
            out.line(
                    inner
                            + "BAR %d: %s at %s, size %s%s"
                                    .formatted(
                                            bar.index(),
                                            bar.kind(),
                                            bar.address(),
                                            Sizes.text(bar.size()),
                                            bar.prefetchable() ? ", prefetchable" : ""));
        }
        for (PciFunction.Capability c : f.capabilities()) {
            out.line(inner + "Capability [" + c.offset() + "]: " + c.name());
        }
    }

    /// Names; with -n ids, with -nn both.
    private String title(PciFunction f) {
        String shortClass = f.classCode().substring(0, 4);
        String rev = "00".equals(f.revision()) ? "" : " (rev " + f.revision() + ")";
        if (numbers.length == 1) {
            return shortClass + ": " + f.vendor() + ":" + f.device() + rev;
        }
        String vendor = Objects.requireNonNullElse(f.vendorName(), "Vendor " + f.vendor());
        String name = Objects.requireNonNullElse(f.deviceName(), "Device " + f.device());
        if (numbers.length == 0) {
            return f.className() + ": " + vendor + " " + name + rev;
        }
        return "%s [%s]: %s %s [%s:%s]%s"
                .formatted(f.className(), shortClass, vendor, name, f.vendor(), f.device(), rev);
    }
}
