package helix.modules.internal;

/// Failures in one line for a person.
final class Reason {
    private Reason() {}

    /// The message of a failure, or what it is where it has none.
    static String of(Throwable failure) {
        String message = failure.getMessage();
        if (message == null || message.isBlank()) {
            return failure.getClass().getName();
        }
        String line = message.lines().findFirst().orElse(message).strip();
        // The bare text of these says too little: "5", "java/nio/Foo".
        boolean telling =
                !(failure instanceof IndexOutOfBoundsException || failure instanceof LinkageError);
        return telling ? line : failure.getClass().getSimpleName() + ": " + line;
    }

    /// Where a thread is, in the code it was given.
    static String where(Thread thread) {
        for (StackTraceElement frame : thread.getStackTrace()) {
            String name = frame.getClassName();
            if (!name.startsWith("java.") && !name.startsWith("jdk.")) {
                return frame.toString();
            }
        }
        return "no frame of its own";
    }
}
