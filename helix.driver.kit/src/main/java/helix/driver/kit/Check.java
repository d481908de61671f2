package helix.driver.kit;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockStatus;

/// What the cases assert, without a test framework.
final class Check {
    private Check() {}

    static void that(boolean condition, String otherwise) {
        if (!condition) {
            throw new AssertionError(otherwise);
        }
    }

    static void equal(long expected, long actual, String what) {
        if (expected != actual) {
            throw new AssertionError(what + ": expected " + expected + ", was " + actual);
        }
    }

    static void status(int expected, int actual, String what) {
        if (expected != actual) {
            throw new AssertionError(
                    what
                            + ": expected \""
                            + BlockStatus.text(expected)
                            + "\", was \""
                            + BlockStatus.text(actual)
                            + "\"");
        }
    }

    static void ok(int status, String what) {
        status(BlockStatus.OK, status, what);
    }

    /// The call throws IllegalArgumentException.
    static void illegal(String what, Runnable call) {
        try {
            call.run();
        } catch (IllegalArgumentException expected) {
            that(expected.getMessage() != null, what + ": the exception says nothing");
            return;
        }
        throw new AssertionError(what + " was taken");
    }

    /// The call throws a BlockException; gives it.
    static BlockException fails(String what, int status, Runnable call) {
        try {
            call.run();
        } catch (BlockException expected) {
            status(status, expected.status(), what);
            return expected;
        }
        throw new AssertionError(what + " did not fail");
    }
}
