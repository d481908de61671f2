package helix.shell.blk;

import helix.shell.blk.engine.BenchOptions.Access;
import java.util.Arrays;
import java.util.Iterator;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// The names of kinds of access, on a command line and at TAB.
final class AccessNames implements ITypeConverter<Access>, Iterable<String> {
    @Override
    public Access convert(String name) {
        try {
            return Access.named(name);
        } catch (IllegalArgumentException e) {
            throw new TypeConversionException(e.getMessage());
        }
    }

    @Override
    public Iterator<String> iterator() {
        return Arrays.stream(Access.values()).map(Access::toString).iterator();
    }
}
