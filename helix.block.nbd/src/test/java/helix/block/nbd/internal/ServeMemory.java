package helix.block.nbd.internal;

import java.net.UnixDomainSocketAddress;

/// Serves a disk in memory until it is ended: for trying clients by hand, and for measuring.
final class ServeMemory {
    private ServeMemory() {}

    /// @param arguments the socket's path, and how many MiB
    public static void main(String[] arguments) throws Exception {
        try (Server server = new Server()) {
            TestDisk disk = new TestDisk(Long.parseLong(arguments[1]) << 20);
            UnixDomainSocketAddress address = UnixDomainSocketAddress.of(arguments[0]);
            System.out.println(server.serve(disk, address, "memory", false).uri());
            Thread.currentThread().join();
        }
    }
}
