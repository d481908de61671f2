package helix.hal.qemu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.posix.PollSet;
import helix.posix.PosixException;
import helix.posix.UnixSocket;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// QEMU's management protocol (QMP): JSON objects, one a line; commands with ids and their answers,
/// and events between them. A thread reads; any thread may ask.
final class QmpClient implements AutoCloseable {
    private static final long POLL_MILLIS = 500;
    private static final int BUFFER = 16 << 10;
    private static final Logger LOG = LoggerFactory.getLogger(QmpClient.class);

    private final UnixSocket socket;
    private final List<Consumer<JsonObject>> listeners = new CopyOnWriteArrayList<>();
    private final Map<String, CompletableFuture<JsonObject>> waiting = new ConcurrentHashMap<>();
    private final AtomicLong ids = new AtomicLong();
    private final Object sendLock = new Object();
    private final Thread reader;
    private volatile boolean closed;

    /// Takes a fresh connection over.
    QmpClient(UnixSocket socket) {
        this.socket = socket;
        reader = Thread.ofPlatform().daemon().name("helix-qemu-qmp").start(this::read);
    }

    /// Asks for events.
    ///
    /// @param listener gets each event as QEMU sent it, on the reading thread; it returns soon
    void listen(Consumer<JsonObject> listener) {
        listeners.add(listener);
    }

    /// Runs a command.
    ///
    /// @param command its name
    /// @param arguments its arguments
    /// @param limit how long to wait
    /// @return what it returned
    /// @throws DeviceException if QEMU refuses it, with QEMU's description
    JsonElement execute(String command, JsonObject arguments, Duration limit) {
        String id = Long.toString(ids.incrementAndGet());
        JsonObject request = new JsonObject();
        request.addProperty("execute", command);
        request.add("arguments", arguments);
        request.addProperty("id", id);
        CompletableFuture<JsonObject> answer = new CompletableFuture<>();
        waiting.put(id, answer);
        try {
            send(request, limit);
            if (closed) {
                throw gone(command);
            }
            JsonObject reply = answer.get(limit.toMillis(), TimeUnit.MILLISECONDS);
            if (reply.has("error")) {
                throw new DeviceException(
                        "QEMU refuses "
                                + command
                                + ": "
                                + reply.getAsJsonObject("error").get("desc").getAsString());
            }
            return reply.get("return");
        } catch (TimeoutException e) {
            DeviceTimeoutException timeout =
                    new DeviceTimeoutException(
                            "QEMU did not answer " + command + " within " + limit);
            timeout.initCause(e);
            throw timeout;
        } catch (ExecutionException e) {
            throw gone(command);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DeviceException("interrupted while QEMU ran " + command, e);
        } finally {
            waiting.remove(id);
        }
    }

    private static DeviceGoneException gone(String command) {
        return new DeviceGoneException("QEMU is gone: no answer to " + command);
    }

    private void send(JsonObject request, Duration limit) {
        byte[] bytes = (request + "\n").getBytes(StandardCharsets.UTF_8);
        long start = System.nanoTime();
        synchronized (sendLock) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment text = arena.allocate(bytes.length);
                MemorySegment.copy(bytes, 0, text, JAVA_BYTE, 0, bytes.length);
                for (long done = 0; done < bytes.length; ) {
                    done += socket.send(text, done, bytes.length - done);
                    if (System.nanoTime() - start > limit.toNanos()) {
                        throw new DeviceTimeoutException(
                                "QEMU did not take a command within " + limit);
                    }
                }
            } catch (PosixException e) {
                throw new DeviceGoneException("QEMU is gone: " + e.getMessage());
            }
        }
    }

    private void read() {
        PollSet poll = new PollSet(1);
        poll.add(socket.fd());
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(BUFFER);
            while (!closed) {
                if (poll.await(POLL_MILLIS) == 0) {
                    continue;
                }
                int n = (int) socket.receive(buffer, 0, BUFFER);
                for (int i = 0; i < n; i++) {
                    byte b = buffer.get(JAVA_BYTE, i);
                    if (b == '\n') {
                        dispatch(line.toString(StandardCharsets.UTF_8));
                        line.reset();
                    } else {
                        line.write(b);
                    }
                }
            }
        } catch (PosixException e) {
            LOG.debug("QMP ended: {}", e.getMessage());
        } finally {
            closed = true;
            waiting.values()
                    .forEach(f -> f.completeExceptionally(new DeviceException("QMP ended")));
        }
    }

    private void dispatch(String text) {
        if (text.isBlank()) {
            return;
        }
        JsonObject message;
        try {
            message = JsonParser.parseString(text).getAsJsonObject();
        } catch (JsonParseException | IllegalStateException e) {
            LOG.warn("QMP sent no JSON object: {}", text, e);
            return;
        }
        if (message.has("event")) {
            listeners.forEach(listener -> listener.accept(message));
        } else if (message.has("id")) {
            CompletableFuture<JsonObject> answer = waiting.get(message.get("id").getAsString());
            if (answer != null) {
                answer.complete(message);
            }
        }
    }

    /// Ends the connection; who waits for an answer is told. A second call does nothing.
    @Override
    public void close() {
        closed = true;
        boolean joined = false;
        try {
            joined = reader.join(Duration.ofMillis(4 * POLL_MILLIS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (joined) {
            socket.close();
        }
    }
}
