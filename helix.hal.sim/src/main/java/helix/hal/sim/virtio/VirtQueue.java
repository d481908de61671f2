package helix.hal.sim.virtio;

import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// A virtqueue as the device sees it: its registers, its ring, and what has ended but was not
/// marked used yet, since buffers need not be used in order (VIRTIO 1.2, section 2.6).
final class VirtQueue extends QueueRegisters {
    /// How many times an empty queue is looked at before the driver is asked to notify again.
    private static final int IDLE_POLLS = 256;

    private final VirtioPciModel model;
    private @Nullable Ring ring;
    private int[] ids = {};
    private long[] lengths = {};
    private int[] counts = {};
    private long[] due = {};
    private int pending;
    private boolean quiet;
    private int idlePolls;
    private boolean ordered;

    VirtQueue(VirtioPciModel model, int index, int maxSize) {
        super(index, maxSize);
        this.model = model;
    }

    /// Its buffers are used in order, whatever the model's order is.
    void keepOrder() {
        ordered = true;
    }

    /// queue_enable was written.
    void enable(long features) {
        ring = Ring.of(model.device(), this, features);
        if (ids.length != size) {
            ids = new int[size];
            lengths = new long[size];
            counts = new int[size];
            due = new long[size];
        }
        enabled = true;
    }

    /// A reset of the queue, or of the device: nothing in flight is heard of again.
    void forget(boolean deviceReset) {
        ring = null;
        pending = 0;
        quiet = false;
        idlePolls = 0;
        if (deviceReset) {
            clear();
        } else {
            clearQueue();
        }
    }

    private Ring ring() {
        Ring current = ring;
        if (current == null) {
            throw new IllegalStateException("queue " + index + " is not enabled");
        }
        return current;
    }

    /// Begins to work on the queue.
    ///
    /// @return false if it is not enabled, or its memory cannot be reached
    boolean begin() {
        Ring current = ring;
        if (current == null) {
            return false;
        }
        if (!current.map()) {
            model.cannotGoOn();
            return false;
        }
        return true;
    }

    /// Takes the next buffer. A ring whose rules are broken puts the device out of order.
    ///
    /// @return false if there is none
    boolean take(Chain chain) {
        Ring current = ring();
        if (current.hasNext() && current.next(chain)) {
            return true;
        }
        if (current.isBroken()) {
            model.cannotGoOn();
        }
        return false;
    }

    /// Where the taking of buffers stands, for [#rewind].
    long mark() {
        return ring().mark();
    }

    /// Puts the buffers taken since back, untouched as far as the driver can know.
    void rewind(long mark) {
        ring().rewind(mark);
    }

    /// Whether there are buffers that are yet to be marked used.
    boolean isLate() {
        return pending > 0;
    }

    /// Ends a piece of work of a queue whose buffers wait for something to put into them: only when
    /// the device needs more of them does it want to be notified.
    ///
    /// @param taken how many buffers were taken
    /// @param starving whether [#starve] was called and nothing has come
    void endSupply(int taken, boolean starving) {
        Ring current = ring();
        if (pending > 0) {
            int _ = release(current, taken);
        }
        current.publish();
        if (current.interruptDue()) {
            model.queueInterrupt(this);
        }
        if (!starving && !quiet) {
            quiet = true;
            current.notifications(false);
        }
    }

    /// Asks for a notification of the next buffer, where there is none.
    ///
    /// @return whether one has come meanwhile
    boolean starve() {
        quiet = false;
        ring().notifications(true);
        return ring().hasNext();
    }

    /// Ends a buffer: it is marked used now or later, as the model's order and faults want.
    ///
    /// @param written how many bytes the device wrote into it
    void complete(int id, long written, int descriptors) {
        if (model.isPlain()) {
            ring().use(id, written, descriptors);
            return;
        }
        if (model.ringFaults().fires(Faults.SWALLOW, index)) {
            return;
        }
        if (pending == ids.length) {
            ring().fail("more buffers than entries (VIRTIO 1.2, 2.7)", "in flight", pending);
            model.cannotGoOn();
            return;
        }
        ids[pending] = id;
        lengths[pending] = written;
        counts[pending] = descriptors;
        due[pending] =
                model.ringFaults().delay() == 0 ? 0 : model.now() + model.ringFaults().delay();
        pending++;
    }

    /// Ends a piece of work: marks buffers used, interrupts if that is wanted, and asks for
    /// notifications when nothing has come for a while.
    ///
    /// @param taken how many buffers were taken
    /// @param wanted whether the device would take more if it had them
    /// @return what [helix.hal.sim.api.DeviceModel#tick()] is to return for this queue
    int end(int taken, boolean wanted) {
        Ring current = ring();
        int done = taken + (pending > 0 ? release(current, taken) : 0);
        current.publish();
        if (current.interruptDue()) {
            model.queueInterrupt(this);
        }
        if (taken > 0) {
            idlePolls = 0;
            if (!quiet) {
                quiet = true;
                current.notifications(false);
            }
            return done;
        }
        if (quiet && wanted) {
            if (++idlePolls < IDLE_POLLS) {
                return 1;
            }
            quiet = false;
            current.notifications(true);
            // What came before the driver could see that would be lost.
            return current.hasNext() ? 1 : done;
        }
        return done;
    }

    /// Marks used what is due, in the model's order.
    private int release(Ring current, int taken) {
        RandomGenerator random = model.device().random();
        boolean shuffled = model.isShuffled() && !ordered;
        long now = model.ringFaults().delay() == 0 ? Long.MAX_VALUE : model.now();
        // Some stay until the next round, so that later ones overtake them.
        int keep = shuffled && taken > 0 ? random.nextInt(pending / 4 + 1) : 0;
        int done = 0;
        long next = Long.MAX_VALUE;
        if (shuffled) {
            for (int left = pending; left > keep; left--) {
                int at = random.nextInt(left);
                swap(at, left - 1);
                if (due[left - 1] > now) {
                    next = Math.min(next, due[left - 1]);
                } else {
                    use(current, left - 1);
                    remove(left - 1);
                    done++;
                }
            }
        } else {
            int at = 0;
            while (at < pending && due[at] <= now) {
                use(current, at++);
            }
            done = at;
            removeFirst(at);
            next = pending > 0 ? due[0] : next;
        }
        if (next != Long.MAX_VALUE) {
            model.wakeAt(next);
        }
        return done;
    }

    private void swap(int a, int b) {
        int id = ids[a];
        long length = lengths[a];
        int count = counts[a];
        long time = due[a];
        move(b, a);
        ids[b] = id;
        lengths[b] = length;
        counts[b] = count;
        due[b] = time;
    }

    private void move(int from, int to) {
        ids[to] = ids[from];
        lengths[to] = lengths[from];
        counts[to] = counts[from];
        due[to] = due[from];
    }

    /// Takes one out; those after the examined ones close the gap.
    private void remove(int at) {
        move(pending - 1, at);
        pending--;
    }

    private void removeFirst(int count) {
        System.arraycopy(ids, count, ids, 0, pending - count);
        System.arraycopy(lengths, count, lengths, 0, pending - count);
        System.arraycopy(counts, count, counts, 0, pending - count);
        System.arraycopy(due, count, due, 0, pending - count);
        pending -= count;
    }

    private void use(Ring current, int at) {
        Faults faults = model.ringFaults();
        if (faults.fires(Faults.DROP_USED, index)) {
            return;
        }
        int id = ids[at];
        long length = lengths[at];
        if (faults.fires(Faults.USED_ID, index)) {
            id = id + 1 + model.device().random().nextInt(size) & 0xFFFF;
        }
        if (faults.fires(Faults.USED_LENGTH, index)) {
            length += 0x1000_0000;
        }
        current.use(id, length, counts[at]);
        if (faults.fires(Faults.DUPLICATE_USED, index)) {
            current.use(id, length, counts[at]);
        }
        if (faults.fires(Faults.INDEX_JUMP, index)) {
            current.jump(size + 1);
        }
    }

    /// How many buffers the device has taken and not marked used.
    int inFlight() {
        return pending;
    }
}
