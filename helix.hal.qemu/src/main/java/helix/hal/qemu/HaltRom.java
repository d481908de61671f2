package helix.hal.qemu;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Firmware that only halts the processor: the JVM plays its part, and nothing touches the hardware
/// before.
final class HaltRom {
    private static final int SIZE = 64 << 10;

    /// Where an x86 processor begins, 16 bytes below the end.
    private static final int RESET_VECTOR = SIZE - 16;

    // cli; hlt; jmp back to hlt
    private static final byte[] CODE = {(byte) 0xFA, (byte) 0xF4, (byte) 0xEB, (byte) 0xFD};

    private HaltRom() {}

    static void write(Path file) {
        byte[] rom = new byte[SIZE];
        System.arraycopy(CODE, 0, rom, RESET_VECTOR, CODE.length);
        try {
            Files.write(file, rom);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
