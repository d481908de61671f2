package helix.shell.doctor;

/// The Java that runs this.
///
/// @param feature its feature release
/// @param description version and home
record JavaCheck(int feature, String description) implements Check {
    private static final int NEEDED = 25;

    @Override
    public String name() {
        return "java";
    }

    @Override
    public Result run() {
        return feature >= NEEDED
                ? Result.ok(description)
                : Result.fail(
                        description + " is older than " + NEEDED,
                        "install JDK " + NEEDED + " or newer and set JAVA_HOME to it");
    }
}
