package helix.integration.conformance;

import static helix.integration.conformance.VirtioRig.ACKNOWLEDGE;
import static helix.integration.conformance.VirtioRig.CONFIG_GENERATION;
import static helix.integration.conformance.VirtioRig.DRIVER;
import static helix.integration.conformance.VirtioRig.DRIVER_OK;
import static helix.integration.conformance.VirtioRig.FAILED;
import static helix.integration.conformance.VirtioRig.FEATURES_OK;
import static helix.integration.conformance.VirtioRig.MSIX_CONFIG;
import static helix.integration.conformance.VirtioRig.NUM_QUEUES;
import static helix.integration.conformance.VirtioRig.QUEUE_DESC;
import static helix.integration.conformance.VirtioRig.QUEUE_DEVICE;
import static helix.integration.conformance.VirtioRig.QUEUE_DRIVER;
import static helix.integration.conformance.VirtioRig.QUEUE_ENABLE;
import static helix.integration.conformance.VirtioRig.QUEUE_MSIX_VECTOR;
import static helix.integration.conformance.VirtioRig.QUEUE_SELECT;
import static helix.integration.conformance.VirtioRig.QUEUE_SIZE;
import static helix.integration.conformance.VirtioRig.VERSION_1;
import static helix.integration.conformance.VirtioRig.bits;

import helix.integration.conformance.Sequence.Steps;
import java.util.ArrayList;
import java.util.List;

/// What every virtio device over PCI does: VIRTIO 1.2, sections 2.1, 2.2, 3.1 and 4.1.
final class VirtioTransport {
    private static final int READY = ACKNOWLEDGE | DRIVER | FEATURES_OK;

    private final String kind;
    private final List<Sequence<VirtioRig>> sequences = new ArrayList<>();

    private VirtioTransport(String kind) {
        this.kind = kind;
    }

    static List<Sequence<VirtioRig>> all(String kind) {
        VirtioTransport all = new VirtioTransport(kind);
        all.config();
        all.status();
        all.features();
        all.queues();
        all.vectors();
        return all.sequences;
    }

    private void add(String name, Steps<VirtioRig> steps) {
        sequences.add(new Sequence<>(kind + ": " + name, steps));
    }

    private void config() {
        add(
                "ids",
                r -> {
                    r.say("vendor %04x", r.function().config(0, 2));
                    r.say("device %04x", r.function().config(2, 2));
                    r.say("revision at least 1: %b", r.function().config(8, 1) >= 1);
                });
        add("structures", r -> r.structures().forEach(type -> r.say("structure %d", type)));
        add(
                "sizes of structures",
                r -> {
                    r.say("common at least 56: %b", r.length(1) >= 56);
                    r.say("ISR at least 1: %b", r.length(3) >= 1);
                });
        add("number of queues", r -> r.say("at least one: %b", r.common(NUM_QUEUES, 2) >= 1));
        add(
                "selectors are read as written",
                r -> {
                    r.common(0, 4, 1);
                    r.show("device_feature_select", 0, 4);
                    r.common(8, 4, 1);
                    r.show("driver_feature_select", 8, 4);
                    r.common(QUEUE_SELECT, 2, 1);
                    r.show("queue_select", QUEUE_SELECT, 2);
                });
        add(
                "features beyond those there are",
                r -> {
                    for (int select : new int[] {2, 3, 0xFFFF_FFFF}) {
                        r.common(0, 4, select);
                        r.show("device_feature", 4, 4);
                    }
                });
        add(
                "read-only registers are written",
                r -> {
                    int queues = r.common(NUM_QUEUES, 2);
                    r.common(NUM_QUEUES, 2, 99);
                    r.say("num_queues kept: %b", r.common(NUM_QUEUES, 2) == queues);
                    int generation = r.common(CONFIG_GENERATION, 1);
                    r.common(CONFIG_GENERATION, 1, generation + 1);
                    r.say("generation kept: %b", r.common(CONFIG_GENERATION, 1) == generation);
                });
        add(
                "registers through PCI config access",
                r -> {
                    int at = 0;
                    while ((at = r.function().capability(9, at)) != 0) {
                        if (r.function().config(at + 3, 1) == 5) {
                            break;
                        }
                    }
                    if (at == 0) {
                        r.say("no such capability");
                        return;
                    }
                    int common = 0;
                    while ((common = r.function().capability(9, common)) != 0) {
                        if (r.function().config(common + 3, 1) == 1) {
                            break;
                        }
                    }
                    r.function().config(at + 4, 1, r.function().config(common + 4, 1));
                    int base = r.function().config(common + 8, 4);
                    r.function().config(at + 8, 4, base + 0x14);
                    r.function().config(at + 12, 4, 1);
                    r.function().config(at + 16, 1, ACKNOWLEDGE);
                    r.say("status %x", r.status());
                    r.say("read %x", r.function().config(at + 16, 1));
                });
    }

    private void status() {
        add("after a reset", r -> r.show("status", VirtioRig.DEVICE_STATUS, 1));
        for (int value :
                new int[] {
                    ACKNOWLEDGE, ACKNOWLEDGE | DRIVER, READY, ACKNOWLEDGE | DRIVER | FAILED
                }) {
            add(
                    "status %x".formatted(value),
                    r -> {
                        r.accept(bits(VERSION_1));
                        r.status(value);
                        r.show("status", VirtioRig.DEVICE_STATUS, 1);
                        r.reset();
                        r.show("status", VirtioRig.DEVICE_STATUS, 1);
                    });
        }
        add(
                "a reset at work",
                r -> {
                    r.say("features taken: %b", r.negotiate(bits(VERSION_1)));
                    RingQueue _ = r.queue(0, 16, bits(VERSION_1));
                    r.go();
                    r.show("status", VirtioRig.DEVICE_STATUS, 1);
                    r.reset();
                    r.common(QUEUE_SELECT, 2, 0);
                    r.show("queue_enable", QUEUE_ENABLE, 2);
                    r.show("queue_desc", QUEUE_DESC, 4);
                    r.show("queue_msix_vector", QUEUE_MSIX_VECTOR, 2);
                    r.show("status", VirtioRig.DEVICE_STATUS, 1);
                });
        add(
                "status written as 32 bits",
                r -> {
                    r.common(VirtioRig.DEVICE_STATUS, 4, 1);
                    r.show("status", VirtioRig.DEVICE_STATUS, 1);
                });
        add(
                "status read as 16 bits",
                r -> {
                    r.status(ACKNOWLEDGE);
                    r.show("status", VirtioRig.DEVICE_STATUS, 2);
                });
    }

    private void features() {
        add(
                "common features offered",
                r -> {
                    long offered = r.offered();
                    for (int bit : new int[] {28, 29, 32, 33, 34, 35, 36}) {
                        r.say("feature %d: %d", bit, offered >> bit & 1);
                    }
                });
        add(
                "features are read as written",
                r -> {
                    r.status(ACKNOWLEDGE);
                    r.status(ACKNOWLEDGE | DRIVER);
                    r.accept(bits(VERSION_1));
                    r.common(8, 4, 1);
                    r.show("driver_feature", 0xC, 4);
                });
        add("without VERSION_1", r -> r.say("taken: %b", r.negotiate(0)));
        add("VERSION_1 alone", r -> r.say("taken: %b", r.negotiate(bits(VERSION_1))));
        for (int bit : new int[] {28, 29, 34, 33, 36, 40, 63}) {
            add(
                    "VERSION_1 and feature " + bit,
                    r -> {
                        boolean offered = (r.offered() >> bit & 1) != 0;
                        boolean taken = r.negotiate(bits(VERSION_1, bit));
                        r.say("offered: %b, taken: %b", offered, taken);
                    });
        }
        add(
                "features changed after FEATURES_OK",
                r -> {
                    r.say("taken: %b", r.negotiate(bits(VERSION_1)));
                    r.accept(bits(VERSION_1, 28));
                    r.common(8, 4, 0);
                    r.show("driver_feature", 0xC, 4);
                    r.show("status", VirtioRig.DEVICE_STATUS, 1);
                });
        add(
                "all that is offered",
                r -> {
                    r.say("taken: %b", r.negotiate(r.offered()));
                    r.go();
                    r.show("status", VirtioRig.DEVICE_STATUS, 1);
                });
    }

    private void queues() {
        add(
                "a queue that is not there",
                r -> {
                    r.common(QUEUE_SELECT, 2, 1000);
                    r.show("queue_size", QUEUE_SIZE, 2);
                    r.show("queue_enable", QUEUE_ENABLE, 2);
                });
        add(
                "a queue's size",
                r -> {
                    r.common(QUEUE_SELECT, 2, 0);
                    int size = r.common(QUEUE_SIZE, 2);
                    r.say("a power of two: %b", Integer.bitCount(size) == 1);
                    r.common(QUEUE_SIZE, 2, 16);
                    r.show("queue_size", QUEUE_SIZE, 2);
                    r.reset();
                    r.common(QUEUE_SELECT, 2, 0);
                    r.say("as before: %b", r.common(QUEUE_SIZE, 2) == size);
                });
        for (int size : new int[] {0, 3, 0x8000}) {
            add(
                    "a queue of " + size,
                    r -> {
                        r.say("taken: %b", r.negotiate(bits(VERSION_1)));
                        r.common(QUEUE_SELECT, 2, 0);
                        int before = r.common(QUEUE_SIZE, 2);
                        r.common(QUEUE_SIZE, 2, size);
                        r.say("kept: %b", r.common(QUEUE_SIZE, 2) == before);
                    });
        }
        for (int part : new int[] {QUEUE_DESC, QUEUE_DRIVER, QUEUE_DEVICE}) {
            add(
                    "address at %x".formatted(part),
                    r -> {
                        r.common(QUEUE_SELECT, 2, 0);
                        r.address(part, 0x12_3456_7000L);
                        r.show("low", part, 4);
                        r.show("high", part + 4, 4);
                    });
        }
        add(
                "a queue is enabled",
                r -> {
                    r.say("taken: %b", r.negotiate(bits(VERSION_1)));
                    RingQueue _ = r.queue(0, 16, bits(VERSION_1));
                    r.show("queue_enable", QUEUE_ENABLE, 2);
                });
        add(
                "a queue is disabled by a 0",
                r -> {
                    r.say("taken: %b", r.negotiate(bits(VERSION_1)));
                    RingQueue _ = r.queue(0, 16, bits(VERSION_1));
                    r.common(QUEUE_ENABLE, 2, 0);
                    r.show("queue_enable", QUEUE_ENABLE, 2);
                });
        add(
                "queues have registers of their own",
                r -> {
                    for (int i = 0; i < 2; i++) {
                        r.common(QUEUE_SELECT, 2, i);
                        r.address(QUEUE_DESC, 0x1000L * (i + 1));
                    }
                    for (int i = 0; i < 2; i++) {
                        r.common(QUEUE_SELECT, 2, i);
                        r.show("queue_desc", QUEUE_DESC, 4);
                    }
                });
    }

    private void vectors() {
        add(
                "no vector after a reset",
                r -> {
                    r.show("msix_config", MSIX_CONFIG, 2);
                    r.common(QUEUE_SELECT, 2, 0);
                    r.show("queue_msix_vector", QUEUE_MSIX_VECTOR, 2);
                });
        for (int vector : new int[] {0, 1, 2, 0xFFFF, 0x7FF}) {
            add(
                    "vector %x".formatted(vector),
                    r -> {
                        r.common(MSIX_CONFIG, 2, vector);
                        r.show("msix_config", MSIX_CONFIG, 2);
                        r.common(QUEUE_SELECT, 2, 0);
                        r.common(QUEUE_MSIX_VECTOR, 2, vector);
                        r.show("queue_msix_vector", QUEUE_MSIX_VECTOR, 2);
                    });
        }
        add(
                "interrupt status without messages",
                r -> {
                    r.function().messages(false);
                    r.say("ISR %x", r.isr());
                    r.say("DRIVER_OK %b", r.negotiate(bits(VERSION_1)));
                    r.status(READY | DRIVER_OK);
                    r.say("ISR %x", r.isr());
                });
    }
}
