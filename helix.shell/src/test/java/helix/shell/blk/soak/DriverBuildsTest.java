package helix.shell.blk.soak;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.shell.blk.engine.CancelSignal;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DriverBuildsTest {
    /// What stands for a driver; loaded from the jar, not from here.
    private static final Class<?>[] CLASSES = {Sum.class, CancelSignal.class};

    /// A class with code.
    public static final class Sum {
        private Sum() {}

        public static int of(int a, int b) {
            return a + b;
        }
    }

    @TempDir private Path folder;
    private Path jar;

    @BeforeEach
    void jar() throws IOException {
        jar = bundle(folder.resolve("driver.jar"));
    }

    static Path bundle(Path jar) throws IOException {
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(jar))) {
            for (Class<?> each : CLASSES) {
                String name = each.getName().replace('.', '/') + ".class";
                out.putNextEntry(new ZipEntry(name));
                try (InputStream in = each.getClassLoader().getResourceAsStream(name)) {
                    in.transferTo(out);
                }
            }
            out.putNextEntry(new ZipEntry("OSGI-INF/sum.xml"));
            out.write("<sum/>".getBytes(StandardCharsets.UTF_8));
            // Last, as in a jar made from a bundle's entries.
            out.putNextEntry(new ZipEntry(JarFile.MANIFEST_NAME));
            out.write(
                    "Manifest-Version: 1.0\r\nBundle-SymbolicName: sum\r\nBundle-Version: 1.2.3.old\r\n"
                            .getBytes(StandardCharsets.UTF_8));
        }
        return jar;
    }

    @Test
    void aBuildDiffersInItsClassesAndDoesTheSame() throws Exception {
        Path a = folder.resolve("a.jar");
        DriverBuilds.make(jar, "a", a);
        URL[] urls = {a.toUri().toURL()};
        try (URLClassLoader loader =
                new URLClassLoader(urls, ClassLoader.getPlatformClassLoader())) {
            Class<?> sum = loader.loadClass(Sum.class.getName());
            assertThat(sum.getMethod("of", int.class, int.class).invoke(null, 2, 3)).isEqualTo(5);
            Field mark = sum.getDeclaredField(DriverBuilds.MARK);
            mark.setAccessible(true);
            assertThat(mark.get(null)).isEqualTo("a");
            assertThat(Modifier.isPrivate(mark.getModifiers())).isTrue();
            Class<?> signal = loader.loadClass(CancelSignal.class.getName());
            assertThat(signal.getField(DriverBuilds.MARK).get(null)).isEqualTo("a");
        }
    }

    @Test
    void theVersionGetsTheBuildsNameAndTheRestStays() throws Exception {
        Path b = folder.resolve("b.jar");
        DriverBuilds.make(jar, "b", b);
        try (JarFile made = new JarFile(b.toFile())) {
            assertThat(made.getManifest().getMainAttributes().getValue("Bundle-Version"))
                    .isEqualTo("1.2.3.b");
            assertThat(made.getInputStream(made.getEntry("OSGI-INF/sum.xml"))).hasContent("<sum/>");
            assertThat(made.stream().findFirst().orElseThrow().getName())
                    .isEqualTo(JarFile.MANIFEST_NAME);
        }
    }

    @Test
    void aCopyIsTheSame() throws Exception {
        Path copy = folder.resolve("copy.jar");
        DriverBuilds.copy(jar, copy);
        try (JarFile made = new JarFile(copy.toFile());
                JarFile original = new JarFile(jar.toFile())) {
            assertThat(made.getManifest()).isEqualTo(original.getManifest());
            String name = Sum.class.getName().replace('.', '/') + ".class";
            assertThat(made.getInputStream(made.getEntry(name)))
                    .hasSameContentAs(original.getInputStream(original.getEntry(name)));
        }
    }

    @Test
    void aJarWithoutManifestIsNamed() throws Exception {
        Path bare = folder.resolve("bare.jar");
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(bare))) {
            out.putNextEntry(new ZipEntry("x"));
        }
        assertThatThrownBy(() -> DriverBuilds.make(bare, "a", folder.resolve("a.jar")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("bare.jar has no manifest");
    }
}
