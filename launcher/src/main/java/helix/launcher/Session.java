package helix.launcher;

/// Boots a platform, has it do one thing, and stops it.
final class Session {
    private Session() {}

    /// Runs a session.
    ///
    /// @param instance opened here and closed at the end
    /// @param options the hardware
    /// @param arguments for the session bundle
    /// @return the exit status
    static int run(Instance instance, MachineOptions options, String... arguments) {
        Distribution distribution = Distribution.current();
        try (instance) {
            MachineChoice machine = choose(distribution, options.checked());
            instance.open();
            try (Platform platform =
                    Platform.boot(distribution, instance, options, machine.name())) {
                return platform.call(arguments);
            }
        }
    }

    /// Decides on the machine, and tells the user where that needs a word.
    static MachineChoice choose(Distribution distribution, MachineOptions options) {
        checkSystem(System.getProperty("os.name"), System.getProperty("os.arch"));
        MachineChoice machine =
                MachineChoice.of(
                        options.machine,
                        name -> distribution.hasBundle("helix.hal." + name),
                        program -> MachineChoice.program(program).isPresent());
        checkOptions(options, machine.name());
        if (!machine.notice().isEmpty()) {
            System.err.println("helix: " + machine.notice());
        }
        return machine;
    }

    /// Refuses what the machine cannot take.
    static void checkOptions(MachineOptions options, String machine) {
        if (!options.qemuArgs.isEmpty() && !machine.equals("qemu")) {
            throw new Failure(
                    "--qemu-arg: machine " + machine + " is not QEMU's and takes no such argument");
        }
    }

    static void checkSystem(String name, String architecture) {
        if (!name.equals("Linux") || !architecture.equals("amd64")) {
            throw new Failure(
                    "Helix runs on Linux x86-64 only; this is " + name + " " + architecture);
        }
    }
}
