package helix.modules.scan;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.lease.LeaseService;
import helix.hal.api.machine.Machine;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.function.Supplier;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Each rule with code that breaks it, and code that is right.
@SuppressWarnings("restricted")
class ClassScannerTest {
    static class Downcall {
        Object go(MemorySegment s) {
            return Linker.nativeLinker().downcallHandle(s, FunctionDescriptor.ofVoid());
        }
    }

    static class Reinterpret {
        MemorySegment go(MemorySegment s) {
            return s.reinterpret(4096);
        }
    }

    static class ReinterpretByReference {
        java.util.function.LongFunction<MemorySegment> go(MemorySegment s) {
            return s::reinterpret;
        }
    }

    static class Library {
        Object go(Arena a) {
            return SymbolLookup.libraryLookup("c", a);
        }
    }

    static class Target {
        AddressLayout go() {
            return ValueLayout.ADDRESS.withTargetLayout(ValueLayout.JAVA_INT);
        }
    }

    static class NewThread {
        void go() {
            new Thread(() -> {}).start();
        }
    }

    static class NewThreadByReference {
        java.util.concurrent.ThreadFactory go() {
            return Thread::new;
        }
    }

    static class Virtual {
        void go() {
            Thread.startVirtualThread(() -> {});
        }
    }

    static class Builder {
        void go() {
            Thread.ofPlatform().start(() -> {});
        }
    }

    static class Pool {
        ExecutorService go() {
            return Executors.newCachedThreadPool();
        }
    }

    static class Common {
        Object go() {
            return ForkJoinPool.commonPool();
        }
    }

    static class Async {
        Object go() {
            return CompletableFuture.supplyAsync(() -> 1);
        }
    }

    static class Subclass extends Thread {}

    static class Timer {
        Object go() {
            return new java.util.Timer(true);
        }
    }

    static class OwnArena {
        MemorySegment go() {
            return Arena.ofShared().allocate(8);
        }
    }

    static class OwnArenaByReference {
        Supplier<Arena> go() {
            return Arena::ofAuto;
        }
    }

    static class Jni {
        native void go();
    }

    static class Load {
        void go() {
            System.loadLibrary("x");
        }
    }

    static class Machines {
        Object go(Object o) {
            return ((Machine) o).name();
        }
    }

    static class Leases {
        Object go(LeaseService s) {
            return s.leases();
        }
    }

    static class Fine {
        static final java.lang.invoke.VarHandle INT = ValueLayout.JAVA_INT.varHandle();

        int go(MemorySegment s) throws InterruptedException {
            CompletableFuture<Integer> f = new CompletableFuture<>();
            f.thenApply(x -> x + 1);
            Thread.onSpinWait();
            return (int) INT.get(s, 0L) + s.asSlice(4, 4).get(ValueLayout.JAVA_INT, 0);
        }
    }

    static Stream<Arguments> planted() {
        return Stream.of(
                Arguments.of(Downcall.class, Rule.RESTRICTED_FFM, "Linker.downcallHandle"),
                Arguments.of(Reinterpret.class, Rule.RESTRICTED_FFM, "MemorySegment.reinterpret"),
                Arguments.of(
                        ReinterpretByReference.class,
                        Rule.RESTRICTED_FFM,
                        "MemorySegment.reinterpret"),
                Arguments.of(Library.class, Rule.RESTRICTED_FFM, "SymbolLookup.libraryLookup"),
                Arguments.of(Target.class, Rule.RESTRICTED_FFM, "withTargetLayout"),
                Arguments.of(NewThread.class, Rule.THREADS, "new java.lang.Thread"),
                Arguments.of(NewThreadByReference.class, Rule.THREADS, "new java.lang.Thread"),
                Arguments.of(Virtual.class, Rule.THREADS, "Thread.startVirtualThread"),
                Arguments.of(Builder.class, Rule.THREADS, "Thread.ofPlatform"),
                Arguments.of(Pool.class, Rule.THREADS, "Executors.newCachedThreadPool"),
                Arguments.of(Common.class, Rule.THREADS, "ForkJoinPool.commonPool"),
                Arguments.of(Async.class, Rule.THREADS, "CompletableFuture.supplyAsync"),
                Arguments.of(Timer.class, Rule.THREADS, "new java.util.Timer"),
                Arguments.of(OwnArena.class, Rule.ARENAS, "Arena.ofShared"),
                Arguments.of(OwnArenaByReference.class, Rule.ARENAS, "Arena.ofAuto"),
                Arguments.of(Jni.class, Rule.NATIVE_CODE, "a native method"),
                Arguments.of(Load.class, Rule.NATIVE_CODE, "System.loadLibrary"));
    }

    @ParameterizedTest
    @MethodSource
    void planted(Class<?> type, Rule rule, String what) throws IOException {
        assertThat(ClassScanner.scan(bytes(type), false))
                .anySatisfy(f -> {
                    assertThat(f.rule()).isEqualTo(rule);
                    assertThat(f.what()).contains(what);
                    assertThat(f.where()).isEqualTo(type.getName() + ".go");
                });
    }

    @Test
    void aThreadByInheritance() throws IOException {
        assertThat(ClassScanner.scan(bytes(Subclass.class), false))
                .contains(
                        new Finding(
                                Rule.THREADS,
                                Subclass.class.getName(),
                                "extends java.lang.Thread"));
    }

    @Test
    void packagesOfThePlatform() throws IOException {
        assertThat(ClassScanner.scan(bytes(Machines.class), false))
                .containsExactly(
                        new Finding(
                                Rule.PLATFORM_PACKAGES,
                                Machines.class.getName(),
                                Machine.class.getName()));
        assertThat(ClassScanner.scan(bytes(Leases.class), false)).hasSize(1);
        assertThat(ClassScanner.scan(bytes(Leases.class), true)).isEmpty();
    }

    @Test
    void unsafeIsFoundByItsClass() throws IOException {
        byte[] user =
                java.lang.classfile.ClassFile.of()
                        .build(
                                java.lang.constant.ClassDesc.of("x.User"),
                                c ->
                                        c.withMethodBody(
                                                "go",
                                                java.lang.constant.MethodTypeDesc.ofDescriptor(
                                                        "()V"),
                                                java.lang.classfile.ClassFile.ACC_STATIC,
                                                b ->
                                                        b.getstatic(
                                                                        java.lang.constant.ClassDesc
                                                                                .of(
                                                                                        "sun.misc.Unsafe"),
                                                                        "INVALID_FIELD_OFFSET",
                                                                        java.lang.constant
                                                                                .ConstantDescs
                                                                                .CD_int)
                                                                .pop()
                                                                .return_()));
        assertThat(ClassScanner.scan(user, false))
                .containsExactly(new Finding(Rule.UNSAFE, "x.User", "sun.misc.Unsafe"));
    }

    @Test
    void plainCodeIsFine() throws IOException {
        assertThat(ClassScanner.scan(bytes(Fine.class), false)).isEmpty();
    }

    @Test
    void manifestsAndNestedJars(@TempDir Path folder) throws IOException {
        Manifest manifest = manifest("Bundle-Activator", "x.Activator", "Export-Package", "x");
        ByteArrayOutputStream inner = new ByteArrayOutputStream();
        jar(inner, new Manifest(), Map.of("x/NewThread.class", bytes(NewThread.class)));
        Path jar = folder.resolve("driver.jar");
        try (OutputStream out = Files.newOutputStream(jar)) {
            jar(out, manifest, Map.of("lib/inner.jar", inner.toByteArray()));
        }
        assertThat(BundleScanner.scan(jar))
                .extracting(Finding::rule)
                .containsExactly(Rule.ACTIVATOR, Rule.EXPORTS, Rule.THREADS);
    }

    @Test
    void aBusDriverSaysSo(@TempDir Path folder) throws IOException {
        Path jar = folder.resolve("bus.jar");
        Map<String, byte[]> classes = Map.of("x/Leases.class", bytes(Leases.class));
        try (OutputStream out = Files.newOutputStream(jar)) {
            jar(out, manifest("Helix-Bus-Driver", "true"), classes);
        }
        assertThat(BundleScanner.scan(jar)).isEmpty();
    }

    @Test
    void whatCannotBeReadIsAFinding(@TempDir Path folder) throws IOException {
        Path jar = folder.resolve("broken.jar");
        try (OutputStream out = Files.newOutputStream(jar)) {
            jar(out, manifest(), Map.of("x/Broken.class", new byte[] {1, 2, 3}));
        }
        assertThat(BundleScanner.scan(jar))
                .singleElement()
                .satisfies(f -> assertThat(f.rule()).isEqualTo(Rule.UNREADABLE));
    }

    @Test
    void aSummaryCountsTheRest() {
        Finding one = new Finding(Rule.THREADS, "x.Y.go", "new java.lang.Thread");
        assertThat(Finding.summary(List.of(one)))
                .isEqualTo(
                        "THREADS makes threads of its own (register an Agent instead): new"
                                + " java.lang.Thread in x.Y.go");
        assertThat(Finding.summary(List.of(one, one))).endsWith(" (and 1 more)");
    }

    private static Manifest manifest(String... headers) {
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        for (int i = 0; i < headers.length; i += 2) {
            manifest.getMainAttributes().putValue(headers[i], headers[i + 1]);
        }
        return manifest;
    }

    private static void jar(OutputStream out, Manifest manifest, Map<String, byte[]> entries)
            throws IOException {
        try (JarOutputStream jar = new JarOutputStream(out, manifest)) {
            for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
                jar.putNextEntry(new ZipEntry(entry.getKey()));
                jar.write(entry.getValue());
                jar.closeEntry();
            }
        }
    }

    private static byte[] bytes(Class<?> type) throws IOException {
        String file = type.getName().substring(type.getPackageName().length() + 1) + ".class";
        try (InputStream in = type.getResourceAsStream(file)) {
            return in.readAllBytes();
        }
    }
}
