package helix.launcher;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToIntFunction;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.startlevel.BundleStartLevel;
import picocli.CommandLine;

/// The OSGi framework of one instance, from its start to its end.
///
/// What runs inside is reached through one service: a `ToIntFunction<String[]>` with the property
/// `helix.entry`, shaped like `main` (arguments in, exit status out). JDK types are all that this
/// class path and the bundles share, so neither side sees the other's classes.
final class Platform implements AutoCloseable {
    private static final Duration STOP_LIMIT = Duration.ofSeconds(10);
    private static final String ENTRY = "(helix.entry=session)";

    /// Logging first, so that the others' lines are not lost; Helix last, on complete ground.
    private static final int LOGGING_LEVEL = 1;

    private static final int INFRASTRUCTURE_LEVEL = 2;
    private static final int HELIX_LEVEL = 3;

    /// Libraries whose activators would do what Helix does itself: the session bundle drives Gogo's
    /// shell, on the terminal or without one.
    private static final List<String> NOT_STARTED = List.of("org.apache.felix.gogo.jline");

    private final Framework framework;
    private final List<String> problems = new ArrayList<>();

    private Platform(Framework framework) {
        this.framework = framework;
    }

    /// Starts the framework with all bundles of the distribution.
    static Platform boot(
            Distribution distribution, Instance instance, MachineOptions options, String machine) {
        System.setProperty("helix.logs", instance.logs().toString());
        // With a context class loader JLine looks for its terminals there, and finds none.
        Thread.currentThread().setContextClassLoader(null);
        Framework framework =
                new org.apache.felix.framework.FrameworkFactory()
                        .newFramework(properties(distribution, instance, options, machine));
        Platform platform = new Platform(framework);
        Runtime.getRuntime().addShutdownHook(new Thread(platform::stop, "helix-stop"));
        try {
            framework.init();
            framework.getBundleContext().addFrameworkListener(platform::record);
            platform.install(distribution.bundles(), new Revisions(instance.revisions()));
            framework.start();
        } catch (BundleException e) {
            platform.stop();
            throw new Failure("the platform did not start: " + oneLine(e), e);
        }
        platform.report();
        return platform;
    }

    private static Map<String, String> properties(
            Distribution distribution, Instance instance, MachineOptions options, String machine) {
        Map<String, String> properties = new TreeMap<>(options.properties());
        properties.put("helix.home", distribution.home().toString());
        properties.put("helix.instance", instance.directory().toString());
        properties.put("helix.conf", instance.conf().toString());
        properties.put("helix.deploy", instance.deploy().toString());
        properties.put("helix.machine", machine);

        // Bundles are installed anew at each start: what persists is in the instance's conf/,
        // deploy/ and revisions/, where a person can see it.
        properties.put(Constants.FRAMEWORK_STORAGE, instance.cache().toString());
        properties.put(
                Constants.FRAMEWORK_STORAGE_CLEAN, Constants.FRAMEWORK_STORAGE_CLEAN_ONFIRSTINIT);
        properties.put(Constants.FRAMEWORK_BEGINNING_STARTLEVEL, Integer.toString(HELIX_LEVEL));
        // Two generations of a driver may be there at once.
        properties.put(Constants.FRAMEWORK_BSNVERSION, Constants.FRAMEWORK_BSNVERSION_MULTIPLE);

        // Bundles share the launcher's picocli: the class cache keeps one class of a name only.
        // HdrHistogram imports javax.xml.bind, gone from the JDK, and falls back to
        // java.util.Base64 where its classes are missing.
        properties.put(
                Constants.FRAMEWORK_SYSTEMPACKAGES_EXTRA,
                "picocli;version=\"" + CommandLine.VERSION + "\",javax.xml.bind");
        // What goes wrong while starting is reported in one line by this class.
        properties.put("felix.log.level", "0");

        Path ownLogging = instance.conf().resolve("logback.xml");
        properties.put(
                "org.ops4j.pax.logging.StaticLogbackFile",
                (Files.exists(ownLogging) ? ownLogging : distribution.conf().resolve("logback.xml"))
                        .toString());
        properties.put("org.ops4j.pax.logging.DefaultServiceLog.level", "WARN");

        // Stopped while it waits for events, it would warn of that on standard output, among the
        // results. 1: errors only.
        properties.put("org.apache.felix.eventadmin.LogLevel", "1");

        // Configuration only: driver jars have Helix's own installer.
        properties.put("felix.fileinstall.dir", instance.conf().toString());
        properties.put("felix.fileinstall.filter", ".*\\.(cfg|config)");
        properties.put("felix.fileinstall.tmpdir", instance.cache().resolve("tmp").toString());
        properties.put("felix.fileinstall.noInitialDelay", "true");
        properties.put("felix.fileinstall.poll", "1000");
        properties.put("felix.fileinstall.log.level", "1");
        return properties;
    }

    private void install(List<Path> jars, Revisions revisions) throws BundleException {
        BundleContext context = framework.getBundleContext();
        List<Bundle> bundles = new ArrayList<>();
        for (Path jar : jars) {
            Revisions.Choice choice = revisions.of(jar);
            try (InputStream in = Files.newInputStream(choice.jar())) {
                bundles.add(context.installBundle(choice.location(), in));
            } catch (IOException e) {
                throw new Failure("cannot read " + choice.jar() + ": " + e.getMessage(), e);
            }
        }
        for (Bundle bundle : bundles) {
            String name = bundle.getSymbolicName();
            bundle.adapt(BundleStartLevel.class).setStartLevel(startLevel(name));
            boolean isFragment = bundle.getHeaders().get(Constants.FRAGMENT_HOST) != null;
            if (!isFragment && !NOT_STARTED.contains(name)) {
                bundle.start(Bundle.START_ACTIVATION_POLICY);
            }
        }
    }

    private static int startLevel(String symbolicName) {
        if (symbolicName.startsWith("org.ops4j.pax.logging.")) {
            return LOGGING_LEVEL;
        }
        return symbolicName.startsWith("helix.") ? HELIX_LEVEL : INFRASTRUCTURE_LEVEL;
    }

    /// Framework errors while starting, such as a bundle that does not resolve.
    private void record(FrameworkEvent event) {
        if (event.getType() == FrameworkEvent.ERROR) {
            synchronized (problems) {
                problems.add(
                        event.getBundle().getSymbolicName() + ": " + oneLine(event.getThrowable()));
            }
        }
    }

    private void report() {
        synchronized (problems) {
            problems.forEach(p -> System.err.println("helix: " + p));
        }
    }

    /// Calls into the platform.
    ///
    /// @param arguments what is to be done, as the session bundle understands it
    /// @return the exit status
    int call(String... arguments) {
        BundleContext context = framework.getBundleContext();
        try {
            for (ServiceReference<?> reference :
                    context.getServiceReferences(ToIntFunction.class, ENTRY)) {
                if (context.getService(reference) instanceof ToIntFunction<?> entry) {
                    @SuppressWarnings("unchecked") // that is what the property says it is
                    ToIntFunction<String[]> session = (ToIntFunction<String[]>) entry;
                    return session.applyAsInt(arguments);
                }
            }
        } catch (InvalidSyntaxException e) {
            throw new IllegalStateException(e); // a constant
        }
        throw new Failure(
                "the platform came up without its session service (bundle helix.session)");
    }

    /// Stops the framework. What does not stop in time is cut off.
    @Override
    public void close() {
        if (!stop()) {
            System.err.println(
                    "helix: the platform did not stop within "
                            + STOP_LIMIT.toSeconds()
                            + " s; ending the process");
            Runtime.getRuntime().halt(1);
        }
    }

    private boolean stop() {
        try {
            framework.stop();
            return framework.waitForStop(STOP_LIMIT.toMillis()).getType()
                    != FrameworkEvent.WAIT_TIMEDOUT;
        } catch (BundleException e) {
            System.err.println("helix: while stopping: " + oneLine(e));
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private static String oneLine(Throwable e) {
        String message = e.getMessage() == null ? e.getClass().getName() : e.getMessage();
        // Felix says what is missing twice.
        int repeated = message.indexOf(" Unresolved requirements:");
        String once = repeated < 0 ? message : message.substring(0, repeated);
        return once.lines().map(String::strip).reduce((a, b) -> a + " " + b).orElse("");
    }
}
