package helix.shell.blk.soak;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.attribute.ConstantValueAttribute;
import java.lang.constant.ConstantDescs;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Enumeration;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.zip.ZipEntry;

/// Makes other builds of a driver from its jar: each class differs in its bytes and says which
/// build it is of, what it does is the same.
public final class DriverBuilds {
    /// The field that each class of a build has; its value is the build's name.
    public static final String MARK = "helixSoakBuild";

    private static final String VERSION = "Bundle-Version";

    private DriverBuilds() {}

    /// Copies a jar, its manifest first.
    ///
    /// @param jar the original
    /// @param copy the file to write
    /// @throws IOException if it cannot be read or written
    public static void copy(Path jar, Path copy) throws IOException {
        rewrite(jar, copy, "");
    }

    /// Makes a build.
    ///
    /// @param jar the original
    /// @param build its name, which becomes the qualifier of the bundle's version
    /// @param copy the file to write
    /// @throws IOException if the original is no bundle, or a file cannot be read or written
    public static void make(Path jar, String build, Path copy) throws IOException {
        rewrite(jar, copy, build);
    }

    private static void rewrite(Path jar, Path copy, String build) throws IOException {
        try (JarFile in = new JarFile(jar.toFile(), false)) {
            Manifest manifest = in.getManifest();
            if (manifest == null) {
                throw new FileNotFoundException(jar + " has no manifest");
            }
            if (!build.isEmpty()) {
                qualify(manifest.getMainAttributes(), build);
            }
            try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(copy), manifest)) {
                Enumeration<JarEntry> entries = in.entries();
                while (entries.hasMoreElements()) {
                    JarEntry entry = entries.nextElement();
                    if (!entry.isDirectory() && !entry.getName().equals(JarFile.MANIFEST_NAME)) {
                        out.putNextEntry(new ZipEntry(entry.getName()));
                        out.write(contents(in, entry, build));
                        out.closeEntry();
                    }
                }
            }
        }
    }

    private static byte[] contents(JarFile jar, JarEntry entry, String build) throws IOException {
        byte[] bytes;
        try (InputStream in = jar.getInputStream(entry)) {
            bytes = in.readAllBytes();
        }
        String name = entry.getName();
        boolean isClass = name.endsWith(".class") && !name.endsWith("-info.class");
        return isClass && !build.isEmpty() ? mark(bytes, build) : bytes;
    }

    /// `1.2.3` or `1.2.3.x` becomes `1.2.3.build`.
    private static void qualify(Attributes attributes, String build) {
        String version = attributes.getValue(VERSION);
        String[] parts = (version == null ? "0" : version).split("\\.", 4);
        StringBuilder qualified = new StringBuilder();
        for (int i = 0; i < 3; i++) {
            qualified.append(i < parts.length ? parts[i] : "0").append('.');
        }
        attributes.putValue(VERSION, qualified.append(build).toString());
    }

    private static byte[] mark(byte[] bytes, String build) {
        ClassFile file = ClassFile.of();
        ClassModel original = file.parse(bytes);
        // Fields of interfaces are public.
        boolean isInterface = (original.flags().flagsMask() & ClassFile.ACC_INTERFACE) != 0;
        int flags =
                ClassFile.ACC_STATIC
                        | ClassFile.ACC_FINAL
                        | (isInterface ? ClassFile.ACC_PUBLIC : ClassFile.ACC_PRIVATE)
                        | ClassFile.ACC_SYNTHETIC;
        return file.transformClass(
                original,
                ClassTransform.endHandler(builder ->
                        builder.withField(
                                MARK,
                                ConstantDescs.CD_String,
                                field ->
                                        field.withFlags(flags)
                                                .with(ConstantValueAttribute.of(build)))));
    }
}
