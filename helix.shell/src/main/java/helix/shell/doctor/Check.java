package helix.shell.doctor;

/// Something that `helix:doctor` looks at. What it looks at comes with the constructor, so that a
/// test can show it any computer.
interface Check {
    /// What is checked, in a word or two.
    String name();

    /// Looks.
    Result run();

    /// How bad it is.
    enum Status {
        /// All is well, or worth knowing and nothing more.
        OK,
        /// Works, but not as it could.
        WARN,
        /// Something does not work.
        FAIL
    }

    /// What was found.
    ///
    /// @param status how bad it is
    /// @param finding one line
    /// @param fix what helps, empty if all is well
    record Result(Status status, String finding, String fix) {
        static Result ok(String finding) {
            return new Result(Status.OK, finding, "");
        }

        static Result warn(String finding, String fix) {
            return new Result(Status.WARN, finding, fix);
        }

        static Result fail(String finding, String fix) {
            return new Result(Status.FAIL, finding, fix);
        }
    }
}
