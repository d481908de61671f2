package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.net.Burst;
import helix.hal.api.machine.MachineControl;
import helix.modules.api.binder.Binder;
import helix.net.api.NetworkInterface;
import helix.net.api.NetworkInterface.Port;
import helix.net.api.NetworkInterface.PortOptions;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.Opcode;
import java.lang.classfile.instruction.BranchInstruction;
import java.lang.classfile.instruction.ConstantInstruction;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Map;
import javax.inject.Inject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;

/// A network card that breaks the rules at random: whatever it does, nothing but its buffers is
/// written, each frame has one owner, nobody gets an exception, a defect is said in so many words,
/// and the platform goes on.
@RunWith(PaxExamOnQemu.class)
@ExamReactorStrategy(PerClass.class)
public class VhostUserHostileNicIT {
    private static final boolean FULL = Boolean.getBoolean("helix.full");
    private static final long MUTATIONS = FULL ? 120_000 : 10_000;
    private static final Duration LIMIT = Duration.ofSeconds(FULL ? 300 : 60);
    private static final Duration RETURN_LIMIT = Duration.ofSeconds(30);
    private static final int FATAL_ONE_IN = FULL ? 4000 : 1000;
    private static final int BURST = 16;
    private static final int LENGTH = 60;
    private static final String DRIVER = "helix.driver.net.virtio";
    private static final String MAC = "52:54:00:68:6f:73";
    private static final long ADDRESS = 0x5254_0068_6F73L;

    @Inject private BundleContext context;

    private long seed = Long.getLong("helix.seed", System.nanoTime());
    private long received;
    private long looked;

    @Configuration
    public Option[] platform() {
        return Platform.onQemu("mem:16M");
    }

    @Test
    public void aHostileCardHarmsNobody() throws Exception {
        withCard(
                FATAL_ONE_IN,
                backend -> {
                    run(backend);
                    System.out.printf(
                            "VhostUserHostileNicIT: seed %d: %s, %d received%n",
                            seed, backend, received);
                    assertThat(backend.failure()).as("seed %d", seed).isNull();
                    backend.tame();
                    Platform.await("the card works again", RETURN_LIMIT, () -> works(backend));
                });
    }

    /// The same with a driver that allows a device a header's length more than a frame has: that it
    /// writes into the next frame is seen, so it would be seen if a check were missing.
    @Test
    public void aMissingCheckIsNoticed() throws Exception {
        Bundle driver = Platform.find(context, DRIVER);
        Path real = Path.of(java.net.URI.create(driver.getLocation()));
        Path broken = Files.createTempFile("helix-it", ".jar");
        Files.copy(real, broken, StandardCopyOption.REPLACE_EXISTING);
        plant(broken);
        update(driver, broken);
        try {
            withCard(
                    1_000_000,
                    backend ->
                            assertThatThrownBy(() -> run(backend))
                                    .as("seed %d", seed)
                                    .isInstanceOf(AssertionError.class)
                                    .hasMessageMatching(
                                            "a piece of \\d+ bytes|frame \\d+: .* at byte \\d+"));
        } finally {
            update(driver, real);
            Files.delete(broken);
        }
    }

    private interface Body {
        void with(HostileNic backend) throws Exception;
    }

    private void withCard(int fatalOneIn, Body body) throws Exception {
        Path socket = Files.createTempDirectory("helix-it").resolve("s");
        try (HostileNic backend = new HostileNic(socket, seed, fatalOneIn)) {
            backend.start();
            MachineControl control = control();
            String id =
                    control.plug(
                            "net", Map.of("path", socket.toString(), "id", "hostile", "mac", MAC));
            try {
                body.with(backend);
            } finally {
                control.unplug(id);
            }
        }
    }

    private MachineControl control() throws InterruptedException {
        return Platform.service(context, MachineControl.class, "(helix.machine=vhostuser)");
    }

    private NetworkInterface card() {
        try {
            for (var reference : context.getServiceReferences(NetworkInterface.class, null)) {
                NetworkInterface face = context.getService(reference);
                if (face.macAddress() == ADDRESS && face.state() != NetworkInterface.State.ABSENT) {
                    return face;
                }
            }
        } catch (org.osgi.framework.InvalidSyntaxException e) {
            throw new AssertionError(e);
        }
        return null;
    }

    private void run(HostileNic backend) throws Exception {
        long end = System.nanoTime() + LIMIT.toNanos();
        Platform.await("the card is there", RETURN_LIMIT, () -> card() != null);
        while (backend.mutations() < MUTATIONS) {
            try (Port port = card().open("hostile", PortOptions.usual(true))) {
                FrameGuard guard = new FrameGuard(port.pool());
                while (backend.mutations() < MUTATIONS && port.isOpen()) {
                    assertThat(System.nanoTime())
                            .as("seed %d, %s, %s", seed, backend, modules())
                            .isLessThan(end);
                    exchange(port, guard);
                }
                guard.check();
            }
        }
    }

    private void exchange(Port port, FrameGuard guard) {
        Burst burst = new Burst(BURST);
        int _ = port.receive(burst);
        boolean whole = true;
        for (int i = 0; i < burst.size(); i++) {
            boolean more = (burst.flags(i) & Burst.MORE) != 0;
            guard.received(burst.frame(i), burst.length(i), whole && !more);
            whole = !more;
            guard.give(burst.frame(i));
            received++;
        }
        assertThat(whole).as("the last frame is whole").isTrue();
        boolean idle = burst.size() == 0;
        burst.clear();
        for (int i = 0; i < BURST / 4; i++) {
            int frame = guard.take();
            if (frame >= 0) {
                burst.add(frame, LENGTH, 0);
                guard.sent(frame);
            }
        }
        int _ = port.send(burst);
        port.drop(burst);
        if (idle) {
            boolean _ = port.await(1_000_000);
        }
        if (System.nanoTime() - looked > 50_000_000) {
            looked = System.nanoTime();
            guard.check();
            Modules.look(context);
        }
    }

    private String modules() {
        Binder binder = context.getService(context.getServiceReference(Binder.class));
        return binder.modules() + " " + binder.health();
    }

    /// Frames go both ways.
    private boolean works(HostileNic backend) {
        Modules.look(context);
        NetworkInterface face = card();
        if (face == null || face.state() != NetworkInterface.State.PRESENT) {
            return false;
        }
        long sent = backend.sent();
        long before = received;
        try (Port port = face.open("works", PortOptions.usual(true))) {
            FrameGuard guard = new FrameGuard(port.pool());
            for (int i = 0; i < 100 && (backend.sent() == sent || received == before); i++) {
                exchange(port, guard);
            }
        }
        return backend.sent() > sent && received > before;
    }

    // ---- A driver with a defect

    private static void update(Bundle driver, Path jar) throws Exception {
        try (InputStream in = Files.newInputStream(jar)) {
            driver.update(in);
        }
    }

    /// Lets the device write as far as without mergeable buffers, where pieces after the first do
    /// not move up.
    private static void plant(Path jar) throws Exception {
        try (FileSystem files = FileSystems.newFileSystem(jar)) {
            Path at = files.getPath("helix/driver/net/virtio/ReceiveQueue.class");
            ClassFile format = ClassFile.of();
            int[] planted = new int[1];
            CodeTransform defect =
                    new CodeTransform() {
                        private boolean branched;

                        @Override
                        public void accept(CodeBuilder code, CodeElement element) {
                            boolean after = branched;
                            branched =
                                    element instanceof BranchInstruction b
                                            && b.opcode() == Opcode.IFEQ;
                            if (after
                                    && element instanceof ConstantInstruction c
                                    && c.opcode() == Opcode.ICONST_0) {
                                code.bipush(12);
                                planted[0]++;
                            } else {
                                code.with(element);
                            }
                        }
                    };
            byte[] changed =
                    format.transformClass(
                            format.parse(Files.readAllBytes(at)),
                            ClassTransform.transformingMethodBodies(
                                    m -> m.methodName().equalsString("<init>"), defect));
            assertThat(planted[0]).isEqualTo(1);
            Files.write(at, changed);
        }
    }
}
