package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class NamespaceTest {
    private final Fixture f = new Fixture();

    @AfterEach
    void end() {
        f.close();
    }

    @Test
    void allActiveNamespacesArePublishedWithNameAndIdentity() {
        f.commands.namespaces.put(3, new FakeNamespace(1000, 12));
        f.start();
        assertThat(f.context.published).containsOnlyKeys("nvme0n1", "nvme0n3");
        assertThat(f.disk(1).blockSize()).isEqualTo(512);
        assertThat(f.disk(1).totalBlocks()).isEqualTo(65536);
        assertThat(f.disk(3).blockSize()).isEqualTo(4096);
        assertThat(f.disk(3).totalBlocks()).isEqualTo(1000);
        assertThat(f.context.properties.get("nvme0n3").get(BlockDevice.IDENTITY))
                .isEqualTo("Helix fake controller/FAKE0001/3");
        assertThat(f.disk(3).identity().uniqueId()).isEqualTo("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
    }

    @Test
    void moreThanAPageOfNamespacesIsListedInParts() {
        for (int nsid = 2; nsid <= 40; nsid++) {
            f.commands.namespaces.put(nsid, new FakeNamespace(8, 9));
        }
        f.start();
        assertThat(f.context.published).hasSize(40);
    }

    @Test
    void zonedNamespacesAreRefusedByName() {
        refused(n -> n.commandSet = 2, "its command set is zoned namespaces (CSI 2)");
    }

    @Test
    void metadataIsRefusedByName() {
        refused(n -> n.metadata = 8, "its blocks have 8 bytes of metadata");
    }

    @Test
    void protectionInformationIsRefusedByName() {
        refused(n -> n.protection = 1, "its data has end-to-end protection of type 1");
    }

    @Test
    void impossibleBlockSizesAreRefusedByName() {
        refused(n -> n.blockShift = 8, "its blocks have 2^8 bytes, 512 to 65536 are possible");
        refused(n -> n.blockShift = 200, "its blocks have 2^200 bytes, 512 to 65536 are possible");
    }

    @Test
    void formatsBeyondTheTableAreRefusedByName() {
        refused(n -> n.invalidFormat = true, "its LBA format is 9 of 2");
    }

    @Test
    void emptyNamespacesAreRefusedByName() {
        refused(n -> n.blocks = 0, "it has 0 blocks");
        refused(n -> n.blocks = -1, "it has 18446744073709551615 blocks");
    }

    private static void refused(java.util.function.Consumer<FakeNamespace> change, String why) {
        try (Fixture f = new Fixture()) {
            FakeNamespace bad = new FakeNamespace(100, 9);
            change.accept(bad);
            f.commands.namespaces.put(2, bad);
            f.start();
            assertThat(f.context.published).containsOnlyKeys("nvme0n1");
            assertThat(f.driver.health().ok()).isTrue();
            assertThat(f.driver.health().detail()).isEqualTo("namespace 2 is not driven: " + why);
        }
    }

    @Test
    void anImpossibleNamespaceListIsRefused() {
        f.commands.garbageList = true;
        assertThatThrownBy(f::init)
                .hasMessage(
                        "nvme0: namespace 2147483647 after 0 in the list of active ones (NN=256)");
    }

    @Test
    void namespaceChangesByAsynchronousEvent() {
        f.start();
        BlockDevice first = f.disk(1);
        BlockQueue queue = first.openQueue(QueueOptions.polled(4));
        f.commands.namespaces.put(2, new FakeNamespace(100, 12));
        assertThat(f.commands.event(2, 0, 4)).isTrue();
        f.runAgents();
        assertThat(f.disk(2).blockSize()).isEqualTo(4096);
        assertThat(f.disk(1)).isSameAs(first);

        f.commands.namespaces.remove(1);
        assertThat(f.commands.event(2, 0, 4)).isTrue();
        f.runAgents();
        assertThat(f.context.published).containsOnlyKeys("nvme0n2");
        assertThat(queue.isOpen()).isFalse();
        assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1)).isFalse();
        queue.close();
        assertThat(f.commands.eventRequests).as("requests left again").hasSize(4);
    }

    @Test
    void aNamespaceThatGrowsKeepsItsDevice() {
        f.start();
        BlockDevice disk = f.disk();
        f.commands.namespaces.get(1).blocks = 100_000;
        f.commands.event(2, 0, 4);
        f.runAgents();
        assertThat(f.disk()).isSameAs(disk);
        assertThat(disk.totalBlocks()).isEqualTo(100_000);
    }

    @Test
    void errorAndHealthEventsAreAcknowledged() {
        f.start();
        f.commands.admin.clear();
        f.commands.event(1, 1, 2);
        f.commands.event(0, 3, 1);
        f.runAgents();
        assertThat(f.commands.admin).containsExactly("02", "0c", "02", "0c");
    }
}
