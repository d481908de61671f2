package helix.integration;

import org.jspecify.annotations.Nullable;
import org.junit.Test;
import org.junit.runner.Description;
import org.junit.runner.Runner;
import org.junit.runner.manipulation.Filter;
import org.junit.runner.manipulation.Filterable;
import org.junit.runner.manipulation.NoTestsRemainException;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunNotifier;
import org.junit.runners.model.InitializationError;
import org.junit.runners.model.TestClass;
import org.ops4j.pax.exam.junit.PaxExam;

/// Pax Exam where QEMU is installed; elsewhere each test is skipped with the reason, before a
/// container is started. An assumption inside the container comes too late: Pax Exam runs the test
/// all the same.
public final class PaxExamOnQemu extends Runner implements Filterable {
    private final Class<?> tests;
    private final @Nullable PaxExam exam;

    /// Makes the runner.
    public PaxExamOnQemu(Class<?> tests) throws InitializationError {
        this.tests = tests;
        this.exam = Qemu.isPresent() ? new PaxExam(tests) : null;
    }

    @Override
    public Description getDescription() {
        if (exam != null) {
            return exam.getDescription();
        }
        Description all = Description.createSuiteDescription(tests);
        new TestClass(tests)
                .getAnnotatedMethods(Test.class)
                .forEach(m -> all.addChild(Description.createTestDescription(tests, m.getName())));
        return all;
    }

    @Override
    public void run(RunNotifier notifier) {
        if (exam != null) {
            exam.run(notifier);
            return;
        }
        for (Description test : getDescription().getChildren()) {
            notifier.fireTestStarted(test);
            notifier.fireTestAssumptionFailed(new Failure(test, Qemu.absence()));
            notifier.fireTestFinished(test);
        }
    }

    @Override
    public void filter(Filter filter) throws NoTestsRemainException {
        if (exam != null) {
            exam.filter(filter);
        }
    }
}
