package helix.launcher;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;

/// The command line behind `./helix`.
@Command(
        name = "helix",
        description = "A modular driver platform in Java.",
        subcommands = {
            RunCommand.class,
            ExecCommand.class,
            ScriptCommand.class,
            StartCommand.class,
            StopCommand.class,
            StatusCommand.class,
            CtlCommand.class,
            DoctorCommand.class,
            ServeCommand.class
        })
public final class Main implements Runnable {
    private Main() {}

    /// Runs one command and ends the process with its status.
    ///
    /// @param arguments the command line
    public static void main(String[] arguments) {
        System.exit(commandLine().execute(arguments));
    }

    static CommandLine commandLine() {
        CommandLine line = new CommandLine(new Main());
        line.setParameterExceptionHandler(Main::refuse);
        line.setExecutionExceptionHandler((e, at, parsed) -> {
            if (e instanceof Failure) {
                at.getErr().println("helix: " + e.getMessage());
                return CommandLine.ExitCode.SOFTWARE;
            }
            throw e;
        });
        line.setCaseInsensitiveEnumValuesAllowed(true);
        return line;
    }

    private static int refuse(ParameterException e, String[] arguments) {
        e.getCommandLine()
                .getErr()
                .println("helix: " + e.getMessage() + " (`./helix help` tells more)");
        return CommandLine.ExitCode.USAGE;
    }

    @Override
    public void run() {
        throw new Failure("what should be done? `./helix help` tells");
    }
}
