package helix.shell.doctor;

/// Operating system and processor.
///
/// @param os as the property os.name
/// @param architecture as the property os.arch
record SystemCheck(String os, String architecture) implements Check {
    @Override
    public String name() {
        return "system";
    }

    @Override
    public Result run() {
        String found = os + " " + architecture;
        return os.equals("Linux") && architecture.equals("amd64")
                ? Result.ok(found)
                : Result.fail(found + " is not supported", "use Linux on x86-64");
    }
}
