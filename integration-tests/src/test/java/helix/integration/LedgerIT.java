package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import helix.integration.Ledger.Kind;
import helix.integration.Ledger.Request;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;

/// The ledger finds what it is there to find, and nothing else. Needs no devices.
public class LedgerIT {
    private static final int BLOCK = 512;
    private static final int BLOCKS = 2048;

    private final Ledger ledger = new Ledger(1, BLOCK, BLOCKS);
    private FileChannel image;

    @Before
    public void open() throws IOException {
        Path path = Platform.scratchFile(1);
        image = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    @After
    public void close() throws IOException {
        image.close();
    }

    @Test
    public void whatIsThereIsFine() throws IOException {
        written(0, 16);
        flushed();
        written(8, 16);
        Request cutOff = Objects.requireNonNull(ledger.begin(Kind.WRITE, 100, 8));
        put(stamped(cutOff).limit(3 * BLOCK), 100);
        assertThat(ledger.begin(Kind.READ, 104, 1)).as("while it is written").isNull();
        assertThat(ledger.recover(image)).isEqualTo(new Ledger.Verdict(BLOCKS, 27, 19));
        assertThat(ledger.complaints()).isEmpty();
        written(100, 8);
        assertThat(ledger.recover(image).newer()).isEqualTo(8);
        assertThat(ledger.complaints()).isEmpty();
    }

    @Test
    public void aWriteThatWasNotFlushedMayBeLost() throws IOException {
        acknowledged(Kind.WRITE, 0, 8);
        assertThat(ledger.recover(image).stamped()).isZero();
        assertThat(ledger.complaints()).isEmpty();
    }

    @Test
    public void aFlushedWriteMustNotBeLost() throws IOException {
        acknowledged(Kind.WRITE, 7, 1);
        flushed();
        finds("lost: block 7");
    }

    @Test
    public void anAcknowledgementDuringAFlushIsNotOfThatFlush() throws IOException {
        Request flush = ledger.begin(Kind.FLUSH, 0, 0);
        acknowledged(Kind.WRITE, 7, 1);
        ledger.ended(Objects.requireNonNull(flush), 0, ByteBuffer.allocate(0));
        ledger.recover(image);
        assertThat(ledger.complaints()).isEmpty();
    }

    @Test
    public void aWriteWithFuaMustNotBeLost() throws IOException {
        acknowledged(Kind.WRITE_DURABLE, 7, 1);
        finds("lost: block 7");
    }

    @Test
    public void aBlockOfTwoWritesIsTorn() throws IOException {
        Request first = acknowledged(Kind.WRITE, 7, 1);
        Request second = acknowledged(Kind.WRITE, 7, 1);
        put(stamped(first), 7);
        put(stamped(second).limit(BLOCK / 2), 7);
        finds("torn: block 7");
    }

    @Test
    public void aBlockOfAnotherPlaceIsMisplaced() throws IOException {
        put(stamped(acknowledged(Kind.WRITE, 7, 1)), 8);
        finds("misplaced: block 8 of the image is block 7");
    }

    @Test
    public void aReadMustBeOfTheLastWrite() {
        Request first = acknowledged(Kind.WRITE, 7, 1);
        acknowledged(Kind.WRITE, 7, 1);
        Request read = Objects.requireNonNull(ledger.begin(Kind.READ, 7, 1));
        ledger.ended(read, 0, stamped(first));
        assertThat(ledger.complaints()).singleElement().asString().startsWith("stale: block 7");
    }

    @Test
    public void anErrorIsCounted() {
        Request read = Objects.requireNonNull(ledger.begin(Kind.READ, 7, 1));
        ledger.ended(read, 5, ByteBuffer.allocate(BLOCK));
        assertThat(ledger.failed()).isEqualTo(1);
        assertThat(ledger.complaints()).hasSize(1);
    }

    private void finds(String complaint) throws IOException {
        ledger.recover(image);
        assertThat(ledger.complaints()).singleElement().asString().startsWith(complaint);
    }

    private void written(int first, int count) throws IOException {
        put(stamped(acknowledged(Kind.WRITE, first, count)), first);
    }

    private Request acknowledged(Kind kind, int first, int count) {
        Request write = Objects.requireNonNull(ledger.begin(kind, first, count));
        ledger.ended(write, 0, ByteBuffer.allocate(0));
        return write;
    }

    private void flushed() {
        Request flush = Objects.requireNonNull(ledger.begin(Kind.FLUSH, 0, 0));
        ledger.ended(flush, 0, ByteBuffer.allocate(0));
    }

    private ByteBuffer stamped(Request write) {
        ByteBuffer data = ByteBuffer.allocate(write.count() * BLOCK);
        ledger.stamp(write, data);
        return data;
    }

    private void put(ByteBuffer data, int block) throws IOException {
        long at = (long) block * BLOCK;
        while (data.hasRemaining()) {
            at += image.write(data, at);
        }
    }
}
