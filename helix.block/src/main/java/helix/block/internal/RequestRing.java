package helix.block.internal;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Requests in order, with room for all of a queue.
final class RequestRing {
    private final @Nullable Request[] items;
    private int first;
    private int count;

    RequestRing(int capacity) {
        items = new @Nullable Request[capacity];
    }

    int count() {
        return count;
    }

    boolean isEmpty() {
        return count == 0;
    }

    void add(Request request) {
        int at = first + count++;
        items[at < items.length ? at : at - items.length] = request;
    }

    void addFirst(Request request) {
        first = first == 0 ? items.length - 1 : first - 1;
        items[first] = request;
        count++;
    }

    Request first() {
        return Objects.requireNonNull(items[first]);
    }

    Request take() {
        Request request = first();
        items[first] = null;
        first = first + 1 == items.length ? 0 : first + 1;
        count--;
        return request;
    }
}
