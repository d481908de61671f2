package helix.block.nbd.internal;

import helix.driver.api.block.BlockQueue;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The handshake phase, fixed newstyle: the client asks for options until it chooses the export or
/// goes.
final class Handshake {
    /// The most data that an option may have; names are at most 4096 bytes long.
    private static final int MAX_OPTION = 16 << 10;

    private static final int MAX_OPTIONS = 256;
    private static final int MAX_STRING = 4096;
    private static final int LEGACY_ZEROES = 124;

    /// The number of `base:allocation` in this server's replies.
    static final int BASE_ALLOCATION_ID = 1;

    /// What was agreed upon.
    ///
    /// @param queue the disk's queue of this connection
    /// @param structured whether replies are structured
    /// @param blockStatus whether the client may ask for `base:allocation`
    record Agreement(BlockQueue queue, boolean structured, boolean blockStatus) {}

    /// Opens the disk's queue of this connection.
    @FunctionalInterface
    interface Opening {
        BlockQueue open();
    }

    private final Wire wire;
    private final Deadline deadline;
    private final Profile profile;
    private final Opening opening;
    private final ByteBuffer out = ByteBuffer.allocate(LEGACY_ZEROES + MAX_OPTION);
    private boolean noZeroes;
    private boolean structured;
    private boolean blockStatus;

    Handshake(Wire wire, Deadline deadline, Profile profile, Opening opening) {
        this.wire = wire;
        this.deadline = deadline;
        this.profile = profile;
        this.opening = opening;
    }

    /// Shakes hands.
    ///
    /// @return null if the client went without choosing the export
    @Nullable Agreement run() throws IOException {
        out.putLong(Nbd.INIT_MAGIC);
        out.putLong(Nbd.OPTION_MAGIC);
        out.putShort((short) (Nbd.FLAG_FIXED_NEWSTYLE | Nbd.FLAG_NO_ZEROES));
        send();
        int flags = receive(4).getInt();
        if ((flags & ~(Nbd.FLAG_FIXED_NEWSTYLE | Nbd.FLAG_NO_ZEROES)) != 0) {
            throw new ViolationException("client flags 0x" + Integer.toHexString(flags));
        }
        noZeroes = (flags & Nbd.FLAG_NO_ZEROES) != 0;
        for (int i = 0; i < MAX_OPTIONS; i++) {
            ByteBuffer head = receive(16);
            if (head.getLong() != Nbd.OPTION_MAGIC) {
                throw new ViolationException("an option without its magic number");
            }
            int option = head.getInt();
            int length = head.getInt();
            if (length < 0 || length > MAX_OPTION) {
                throw new ViolationException(
                        "option "
                                + option
                                + " with "
                                + Integer.toUnsignedString(length)
                                + " bytes");
            }
            ByteBuffer data = receive(length);
            switch (option) {
                case Nbd.OPT_EXPORT_NAME -> {
                    return exportName(data);
                }
                case Nbd.OPT_ABORT -> {
                    acknowledge(option);
                    return null;
                }
                case Nbd.OPT_GO -> {
                    Agreement agreement = go(data);
                    if (agreement != null) {
                        return agreement;
                    }
                }
                default -> answer(option, data);
            }
        }
        throw new ViolationException("more than " + MAX_OPTIONS + " options");
    }

    private void answer(int option, ByteBuffer data) throws IOException {
        switch (option) {
            case Nbd.OPT_LIST -> list(data);
            case Nbd.OPT_INFO -> {
                List<Integer> wanted = named(option, data);
                if (wanted != null) {
                    inform(option, wanted);
                    acknowledge(option);
                }
            }
            case Nbd.OPT_STRUCTURED_REPLY -> {
                if (data.hasRemaining()) {
                    refuse(option, Nbd.REP_ERR_INVALID, "this option takes no data");
                } else {
                    structured = true;
                    acknowledge(option);
                }
            }
            case Nbd.OPT_LIST_META_CONTEXT, Nbd.OPT_SET_META_CONTEXT -> metaContext(option, data);
            case Nbd.OPT_STARTTLS ->
                    refuse(option, Nbd.REP_ERR_POLICY, "there is no TLS: nobody else can listen");
            default -> refuse(option, Nbd.REP_ERR_UNSUP, "unknown option");
        }
    }

    /// `NBD_OPT_EXPORT_NAME` knows no error: all it can do is to hang up.
    private Agreement exportName(ByteBuffer data) throws IOException {
        String name = StandardCharsets.UTF_8.decode(data).toString();
        if (!isOurs(name)) {
            throw new ViolationException("no export '" + name + "'");
        }
        BlockQueue queue = opening.open();
        try {
            out.putLong(profile.size());
            out.putShort((short) profile.flags(structured));
            if (!noZeroes) {
                out.put(new byte[LEGACY_ZEROES]);
            }
            send();
        } catch (IOException e) {
            queue.close();
            throw e;
        }
        return new Agreement(queue, structured, blockStatus);
    }

    private @Nullable Agreement go(ByteBuffer data) throws IOException {
        List<Integer> wanted = named(Nbd.OPT_GO, data);
        if (wanted == null) {
            return null;
        }
        BlockQueue queue;
        try {
            queue = opening.open();
        } catch (DeviceException e) {
            refuse(Nbd.OPT_GO, Nbd.REP_ERR_SHUTDOWN, String.valueOf(e.getMessage()));
            return null;
        }
        try {
            inform(Nbd.OPT_GO, wanted);
            acknowledge(Nbd.OPT_GO);
        } catch (IOException e) {
            queue.close();
            throw e;
        }
        return new Agreement(queue, structured, blockStatus);
    }

    private boolean isOurs(String name) {
        // The empty name is the default export.
        return name.isEmpty() || name.equals(profile.name());
    }

    /// Reads the data of INFO and GO: the export's name, and what the client wants to know.
    ///
    /// @return null if the client was told that this will not do
    private @Nullable List<Integer> named(int option, ByteBuffer data) throws IOException {
        String name = string(data);
        if (name == null || data.remaining() < 2) {
            refuse(option, Nbd.REP_ERR_INVALID, "the option's data is malformed");
            return null;
        }
        int count = Short.toUnsignedInt(data.getShort());
        if (data.remaining() != 2 * count) {
            refuse(option, Nbd.REP_ERR_INVALID, "the option's data is malformed");
            return null;
        }
        List<Integer> wanted = new ArrayList<>();
        while (data.hasRemaining()) {
            wanted.add(Short.toUnsignedInt(data.getShort()));
        }
        if (!isOurs(name)) {
            refuse(option, Nbd.REP_ERR_UNKNOWN, "no such export");
            return null;
        }
        return wanted;
    }

    private void inform(int option, List<Integer> wanted) throws IOException {
        reply(option, Nbd.REP_INFO, 12);
        out.putShort((short) Nbd.INFO_EXPORT);
        out.putLong(profile.size());
        out.putShort((short) profile.flags(structured));
        if (wanted.contains(Nbd.INFO_NAME)) {
            inform(option, Nbd.INFO_NAME, profile.name());
        }
        if (wanted.contains(Nbd.INFO_DESCRIPTION)) {
            inform(option, Nbd.INFO_DESCRIPTION, profile.description());
        }
        // Also if it was not asked for: requests of other sizes are refused.
        reply(option, Nbd.REP_INFO, 14);
        out.putShort((short) Nbd.INFO_BLOCK_SIZE);
        out.putInt(profile.blockSize());
        out.putInt(profile.preferredBlockSize());
        out.putInt(Nbd.MAX_PAYLOAD);
        send();
    }

    private void inform(int option, int type, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        reply(option, Nbd.REP_INFO, 2 + bytes.length);
        out.putShort((short) type);
        out.put(bytes);
    }

    private void list(ByteBuffer data) throws IOException {
        if (data.hasRemaining()) {
            refuse(Nbd.OPT_LIST, Nbd.REP_ERR_INVALID, "this option takes no data");
            return;
        }
        byte[] name = profile.name().getBytes(StandardCharsets.UTF_8);
        byte[] description = profile.description().getBytes(StandardCharsets.UTF_8);
        reply(Nbd.OPT_LIST, Nbd.REP_SERVER, 4 + name.length + description.length);
        out.putInt(name.length);
        out.put(name);
        out.put(description);
        acknowledge(Nbd.OPT_LIST);
    }

    /// Lists or selects what can be asked of blocks: here, only whether they are allocated.
    private void metaContext(int option, ByteBuffer data) throws IOException {
        boolean select = option == Nbd.OPT_SET_META_CONTEXT;
        if (select) {
            blockStatus = false;
        }
        String name = string(data);
        List<String> queries = name == null ? null : strings(data);
        if (!structured || name == null || queries == null) {
            refuse(option, Nbd.REP_ERR_INVALID, "malformed, or before structured replies");
            return;
        }
        if (!isOurs(name)) {
            refuse(option, Nbd.REP_ERR_UNKNOWN, "no such export");
            return;
        }
        boolean listed = !select && (queries.isEmpty() || queries.contains("base:"));
        if (listed || queries.contains(Nbd.BASE_ALLOCATION)) {
            byte[] context = Nbd.BASE_ALLOCATION.getBytes(StandardCharsets.UTF_8);
            reply(option, Nbd.REP_META_CONTEXT, 4 + context.length);
            out.putInt(select ? BASE_ALLOCATION_ID : 0);
            out.put(context);
            blockStatus |= select;
        }
        acknowledge(option);
    }

    /// Reads a counted list of strings that ends the data.
    private static @Nullable List<String> strings(ByteBuffer data) {
        if (data.remaining() < 4) {
            return null;
        }
        int count = data.getInt();
        List<String> strings = new ArrayList<>();
        while (strings.size() != count) {
            String next = string(data);
            if (next == null) {
                return null;
            }
            strings.add(next);
        }
        return data.hasRemaining() ? null : strings;
    }

    /// Reads a string with its length before it.
    private static @Nullable String string(ByteBuffer data) {
        if (data.remaining() < 4) {
            return null;
        }
        int length = data.getInt();
        if (length < 0 || length > MAX_STRING || length > data.remaining()) {
            return null;
        }
        ByteBuffer bytes = data.slice(data.position(), length);
        data.position(data.position() + length);
        return StandardCharsets.UTF_8.decode(bytes).toString();
    }

    private void acknowledge(int option) throws IOException {
        reply(option, Nbd.REP_ACK, 0);
        send();
    }

    private void refuse(int option, int error, String why) throws IOException {
        byte[] text = why.getBytes(StandardCharsets.UTF_8);
        int length = Math.min(text.length, MAX_STRING);
        reply(option, error, length);
        out.put(text, 0, length);
        send();
    }

    private void reply(int option, int type, int length) {
        out.putLong(Nbd.OPTION_REPLY_MAGIC);
        out.putInt(option);
        out.putInt(type);
        out.putInt(length);
    }

    private void send() throws IOException {
        wire.sendAll(out.flip(), deadline);
        out.clear();
    }

    private ByteBuffer receive(int bytes) throws IOException {
        return wire.receiveAll(ByteBuffer.allocate(bytes), deadline);
    }
}
