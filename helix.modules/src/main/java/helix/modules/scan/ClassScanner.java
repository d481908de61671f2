package helix.modules.scan;

import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.constantpool.ClassEntry;
import java.lang.classfile.constantpool.MemberRefEntry;
import java.lang.classfile.constantpool.PoolEntry;
import java.lang.classfile.instruction.InvokeDynamicInstruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDesc;
import java.lang.constant.DirectMethodHandleDesc;
import java.lang.reflect.AccessFlag;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Looks at one class file: which methods of others it calls or refers to, which packages it uses,
/// what it inherits and declares.
final class ClassScanner {
    private static final String ANY = "*";
    private static final String CONSTRUCTOR = "<init>";

    /// Class → methods of it that a driver must not call; [#ANY] stands for all.
    private static final Map<String, Set<String>> RESTRICTED_FFM =
            Map.of(
                    "java/lang/foreign/Linker", Set.of(ANY),
                    "java/lang/foreign/SymbolLookup", Set.of(ANY),
                    "java/lang/foreign/MemorySegment", Set.of("reinterpret", "ofAddress"),
                    "java/lang/foreign/AddressLayout", Set.of("withTargetLayout"),
                    "java/lang/ModuleLayer$Controller", Set.of("enableNativeAccess"));

    private static final Map<String, Set<String>> NATIVE_CODE =
            Map.of(
                    "java/lang/System", Set.of("load", "loadLibrary"),
                    "java/lang/Runtime", Set.of("load", "loadLibrary"));

    private static final Map<String, Set<String>> ARENAS =
            Map.of("java/lang/foreign/Arena", Set.of("ofShared", "ofConfined", "ofAuto", "global"));

    private static final Map<String, Set<String>> THREADS =
            Map.ofEntries(
                    Map.entry(
                            "java/lang/Thread",
                            Set.of(CONSTRUCTOR, "ofPlatform", "ofVirtual", "startVirtualThread")),
                    Map.entry("java/lang/ThreadGroup", Set.of(CONSTRUCTOR)),
                    Map.entry("java/lang/Runtime", Set.of("addShutdownHook")),
                    Map.entry("java/lang/ref/Cleaner", Set.of("create")),
                    Map.entry("java/util/Timer", Set.of(CONSTRUCTOR)),
                    Map.entry("java/util/concurrent/Executors", Set.of(ANY)),
                    Map.entry("java/util/concurrent/ThreadPoolExecutor", Set.of(CONSTRUCTOR)),
                    Map.entry(
                            "java/util/concurrent/ScheduledThreadPoolExecutor",
                            Set.of(CONSTRUCTOR)),
                    Map.entry(
                            "java/util/concurrent/ForkJoinPool", Set.of(CONSTRUCTOR, "commonPool")),
                    Map.entry(
                            "java/util/concurrent/StructuredTaskScope",
                            Set.of(CONSTRUCTOR, "open")),
                    Map.entry(
                            "java/util/concurrent/CompletableFuture",
                            Set.of("delayedExecutor", "orTimeout", "completeOnTimeout")));

    private static final List<String> INTERNALS = List.of("jdk/internal/", "sun/");

    private static final List<String> PLATFORM =
            List.of("helix/posix/", "helix/hal/api/machine/", BundleRules.LEASE_PACKAGE);

    private final boolean mayLease;
    private final Set<Finding> findings = new LinkedHashSet<>();
    private final Set<String> called = new HashSet<>();

    /// @param mayLease whether this is a bus driver, which passes leases on to child devices
    ClassScanner(boolean mayLease) {
        this.mayLease = mayLease;
    }

    /// Looks at a class file.
    ///
    /// @return what it found, by method where it can tell
    static List<Finding> scan(byte[] classFile, boolean mayLease) {
        ClassScanner scanner = new ClassScanner(mayLease);
        scanner.look(ClassFile.of().parse(classFile));
        return List.copyOf(scanner.findings);
    }

    private void look(ClassModel model) {
        String name = dotted(model.thisClass().asInternalName());
        model.superclass().ifPresent(s -> inherited(name, s));
        for (MethodModel method : model.methods()) {
            String where = name + "." + method.methodName().stringValue();
            if (method.flags().has(AccessFlag.NATIVE)) {
                findings.add(new Finding(Rule.NATIVE_CODE, where, "a native method"));
            }
            method.code().ifPresent(code -> code(where, code));
        }
        for (PoolEntry entry : model.constantPool()) {
            switch (entry) {
                case MemberRefEntry m -> {
                    String owner = m.owner().asInternalName();
                    String member = m.name().stringValue();
                    if (!called.contains(owner + "." + member)) { // such as by a method handle
                        call(name, owner, member);
                    }
                }
                case ClassEntry c -> use(name, c.asInternalName());
                default -> {}
            }
        }
    }

    private void inherited(String name, ClassEntry parent) {
        switch (parent.asInternalName()) {
            case "java/lang/Thread",
                    "java/util/TimerTask",
                    "java/util/concurrent/ThreadPoolExecutor",
                    "java/util/concurrent/ForkJoinPool" ->
                    findings.add(
                            new Finding(
                                    Rule.THREADS,
                                    name,
                                    "extends " + dotted(parent.asInternalName())));
            default -> {}
        }
    }

    private void code(String where, CodeModel code) {
        for (CodeElement element : code) {
            switch (element) {
                case InvokeInstruction i ->
                        call(where, i.owner().asInternalName(), i.name().stringValue());
                case InvokeDynamicInstruction i -> {
                    for (ConstantDesc argument : i.bootstrapArgs()) {
                        if (argument instanceof DirectMethodHandleDesc h) {
                            String owner = internalName(h.owner());
                            boolean makes = h.kind() == DirectMethodHandleDesc.Kind.CONSTRUCTOR;
                            call(where, owner, makes ? CONSTRUCTOR : h.methodName());
                        }
                    }
                }
                default -> {}
            }
        }
    }

    private void call(String where, String owner, String method) {
        called.add(owner + "." + method);
        Rule rule = rule(owner, method);
        if (rule != null) {
            String type = dotted(owner);
            String what = method.equals(CONSTRUCTOR) ? "new " + type : type + "." + method;
            findings.add(new Finding(rule, where, what));
        }
    }

    private static @Nullable Rule rule(String owner, String method) {
        if (has(RESTRICTED_FFM, owner, method)) {
            return Rule.RESTRICTED_FFM;
        }
        if (has(NATIVE_CODE, owner, method)) {
            return Rule.NATIVE_CODE;
        }
        if (has(ARENAS, owner, method)) {
            return Rule.ARENAS;
        }
        boolean async =
                method.endsWith("Async")
                        && (owner.equals("java/util/concurrent/CompletableFuture")
                                || owner.equals("java/util/concurrent/CompletionStage"));
        return async || has(THREADS, owner, method) ? Rule.THREADS : null;
    }

    private static boolean has(Map<String, Set<String>> table, String owner, String method) {
        Set<String> methods = table.getOrDefault(owner, Set.of());
        return methods.contains(method) || methods.contains(ANY);
    }

    private void use(String name, String entry) {
        // An array's class is written as a descriptor: [Lhelix/posix/Mapping;
        String used = entry.startsWith("[") ? entry.replaceFirst("^\\[+L?", "") : entry;
        for (String internal : INTERNALS) {
            if (used.startsWith(internal)) {
                findings.add(new Finding(Rule.UNSAFE, name, dotted(used)));
            }
        }
        for (String platform : PLATFORM) {
            boolean allowed = mayLease && platform.equals(BundleRules.LEASE_PACKAGE);
            if (used.startsWith(platform) && !allowed) {
                findings.add(new Finding(Rule.PLATFORM_PACKAGES, name, dotted(used)));
            }
        }
    }

    private static String internalName(ClassDesc type) {
        String descriptor = type.descriptorString();
        return descriptor.startsWith("L")
                ? descriptor.substring(1, descriptor.length() - 1)
                : descriptor;
    }

    private static String dotted(String internalName) {
        return internalName.replace('/', '.');
    }
}
