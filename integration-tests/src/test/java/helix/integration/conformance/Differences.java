package helix.integration.conformance;

import java.util.List;
import java.util.regex.Pattern;

/// Where the embedded machine answers otherwise than QEMU 7.2, and what the specification says of
/// it. Each entry covers scripts by their names.
final class Differences {
    /// A reason.
    ///
    /// @param scripts names, as a regular expression
    /// @param word what the specification says, with its section
    record Difference(Pattern scripts, String word) {}

    private Differences() {}

    private static Difference of(String scripts, String word) {
        return new Difference(Pattern.compile(scripts), word);
    }

    /// All of them; the first whose expression matches a script counts.
    static List<Difference> all() {
        return List.of(
                of(
                        "nvme registers: VS",
                        "Base 2.0, 3.1.3.2: VS names the version; QEMU models 1.4, the embedded"
                                + " machine 2.0"),
                of(
                        "nvme registers: (VS by bytes|VS by words|AQA by bytes)",
                        "NVMe over PCIe 1.0, 3.1.1: accesses have the property's own width or"
                                + " aligned 32 bits of 64; others are undefined. The embedded"
                                + " machine reports them"),
                of(
                        "nvme registers: (reserved bits of .*|enabled with a misaligned admin queue)",
                        "Base 2.0, 3.1.3.8 to 3.1.3.10: reserved bits read as 0; QEMU keeps what was"
                                + " written, and then refuses the address"),
                of(
                        "nvme registers: entry sizes set after enabling",
                        "Base 2.0, 3.1.3.5: IOSQES and IOCQES are needed before an I/O queue is"
                                + " created; QEMU wants them when CC.EN is set"),
                of(
                        "nvme registers: features have their defaults after disabling",
                        "Base 2.0, 3.7.2 and 5.27: a Controller Level Reset sets features to their"
                                + " defaults; QEMU keeps them"),
                of(
                        "nvme registers: (a full submission queue|a completion queue that stays full)"
                                + "|nvme I/O: opcode .., namespace .*"
                                + "|nvme admin: (error recovery of namespace 3"
                                + "|a controller's feature with namespace 3|format of namespace 3"
                                + "|identify, CNS 03, namespace 3)",
                        "Base 2.0, 3.2.1: an id above NN is Invalid Namespace or Format (0Bh); in"
                                + " QEMU NN is 256, and an inactive namespace is Invalid Field"),
                of(
                        "nvme admin: identify, CNS 00, namespace 3",
                        "Base 2.0, 5.17.2.1: an inactive namespace is all zero, an invalid one (above"
                                + " NN) is 0Bh; NN is 256 in QEMU, 2 in the embedded machine"),
                of(
                        "nvme queues: submission queue, completion queue beyond the limit",
                        "Base 2.0, 5.5: a CQID outside the supported range should be Invalid Queue"
                                + " Identifier (01h)"),
                of(
                        "nvme queues: (delete completion queue .*|delete a pair in order)",
                        "Base 2.0, 5.6: a queue id that is not valid is Invalid Queue Identifier"
                                + " (01h); QEMU says Completion Queue Invalid"),
                of(
                        "nvme queues: delete a completion queue in use"
                                + "|nvme admin: (fused admin command|event requests beyond the limit)"
                                + "|nvme I/O: (fused pair that is not supported|compare what differs)",
                        "Base 2.0, 3.3.3.2.1: Do Not Retry says whether the same command may succeed"
                                + " later; which it is, is the controller's to say"),
                of(
                        "nvme admin: identify, CNS (08|12|13|14|15|1a|1b)",
                        "Base 2.0, figure 273: which CNS values are there depends on version and on"
                                + " namespace management, which only QEMU has"),
                of(
                        "nvme admin: namespace descriptors",
                        "Base 2.0, 5.17.2.3: the list has the identifiers that the namespace has;"
                                + " QEMU has none unless told"),
                of(
                        "nvme admin: identify without a second page"
                                + "|nvme I/O: (PRP2 missing|PRP list entry of zero)",
                        "Base 2.0, 4.1.1: there is memory at address 0 in QEMU's machine and none in"
                                + " the embedded one: Data Transfer Error (04h)"),
                of(
                        "nvme admin: (get feature .*|set feature .*|save a feature)",
                        "Base 2.0, 5.27.1: which features are there, may be changed or saved, and"
                                + " their defaults, are the controller's to choose within figure 317"),
                of(
                        "nvme admin: log page (00|12)",
                        "Base 2.0, 5.16.1: page 00h and 12h are mandatory in 2.0 and unknown to 1.4"),
                of(
                        "nvme admin: log page ..",
                        "Base 2.0, 5.16: a page that is not supported is Invalid Log Page (09h);"
                                + " QEMU says Invalid Field"),
                of(
                        "nvme admin: health information of a namespace",
                        "Base 2.0, 5.16.1.3: without LPA bit 0 a namespace's own page is Invalid"
                                + " Field; 0h is the controller's"),
                of(
                        "nvme admin: health information from 512",
                        "Base 2.0, 5.16: an offset greater than the page's size is Invalid Field; the"
                                + " size itself is not greater"),
                of(
                        "nvme admin: an event that waits for a request",
                        "Base 2.0, 5.2: an event without a request outstanding is reported by the"
                                + " next one; QEMU drops it"),
                of(
                        "nvme admin: one event of a kind until its log page is read",
                        "Base 2.0, 5.2: an event is masked until its page was read; whether one that"
                                + " occurred meanwhile is reported afterwards is not said"),
                of(
                        "nvme admin: abort of an event request",
                        "Base 2.0, 5.1: abort is best effort; QEMU aborts nothing"),
                of(
                        "nvme I/O: scatter-gather list that is not supported",
                        "Base 2.0, 4.1.2: SGLS says whether there are SGLs; QEMU has them"),
                of(
                        "nvme I/O: write uncorrectable",
                        "NVM Command Set 1.0, 3.2.7: optional, as ONCS says"),
                of(
                        "nvme I/O: PRP1 that is no multiple of 4|nvme I/O: PRP list that is no"
                                + " multiple of 8",
                        "Base 2.0, 4.1.1: bits 1:0 of an entry's offset, and 2:0 of a list's, are 0;"
                                + " PRP Offset Invalid (13h). QEMU does not look"),
                of(
                        "nvme I/O: deallocate beyond the end",
                        "NVM Command Set 1.0, 3.2.3: a range beyond the end is LBA Out of Range; QEMU"
                                + " skips it"),
                of(
                        "virtio-(blk|net): registers through PCI config access",
                        "VIRTIO 1.2, 4.1.4.9.1: an access of pci_cfg_data is one of the BAR; the"
                                + " embedded machine has the capability and does not act on it, which"
                                + " is a limit of it"),
                of(
                        "virtio-(blk|net): status (written as 32 bits|read as 16 bits)",
                        "VIRTIO 1.2, 4.1.3.1: a field is accessed by its own width; the embedded"
                                + " machine reports others"),
                of(
                        "virtio-(blk|net): without VERSION_1",
                        "VIRTIO 1.2, 6.1 and 6.2: a driver must accept it, and a device may fail to"
                                + " operate without"),
                of(
                        "virtio-(blk|net): VERSION_1 and feature (33|36)|virtio-blk: VERSION_1 and"
                                + " feature 63",
                        "VIRTIO 1.2, 2.2.1 and 3.1.1: a feature that was not offered must not be"
                                + " accepted, and FEATURES_OK says that it was not; QEMU drops the bit"),
                of(
                        "virtio-net: VERSION_1 and feature 63",
                        "VIRTIO 1.2, 5.1.3: speed and duplex are offered by the embedded machine"
                                + " only"),
                of(
                        "virtio-(blk|net): features changed after FEATURES_OK",
                        "VIRTIO 1.2, 3.1.1: no feature is accepted after that step; QEMU shows what"
                                + " was written"),
                of(
                        "virtio-(blk|net): a queue of 3",
                        "VIRTIO 1.2, 4.1.4.3.2: the size of a split queue is a power of 2; QEMU takes"
                                + " any"),
                of(
                        "virtio-blk: beyond the configuration",
                        "VIRTIO 1.2, 4.1.4.6: nothing is said of what lies beyond the structure"),
                of(
                        "virtio-blk: discard with.*",
                        "VIRTIO 1.2, 5.2.6.2: a request that is wrong ends with IOERR or UNSUPP; QEMU"
                                + " stops the device"),
                of(
                        "virtio-blk: a notification without DRIVER_OK",
                        "VIRTIO 1.2, 2.1.2: no buffer is consumed before DRIVER_OK; QEMU consumes it"),
                of(
                        "virtio-net: control features without the control queue",
                        "VIRTIO 1.2, 5.1.3.1: they require VIRTIO_NET_F_CTRL_VQ; QEMU does not look"),
                of(
                        "virtio-net: (split|packed): (a frame of .* bytes|header in a piece of its own)",
                        "VIRTIO 1.2, 5.1.6.4.1: num_buffers is 1 where buffers are not merged; QEMU"
                                + " leaves 0"),
                of(
                        "virtio-net: a frame to .* address, receive mode [2-5] on",
                        "VIRTIO 1.2, 5.1.6.5.1: these need VIRTIO_NET_F_CTRL_RX_EXTRA, which was not"
                                + " negotiated; QEMU does not look"),
                of(
                        "virtio-net: a frame to (multicast|another's) address.*",
                        "VIRTIO 1.2, 5.1.6.5.1: what a card receives before it is told is not said;"
                                + " QEMU begins promiscuous"));
    }
}
