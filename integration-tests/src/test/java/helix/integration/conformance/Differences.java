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
                        "NVMe over PCIe 1.0, 3.1.2: accesses have the property's own width or are"
                                + " of aligned 32 bits; what others do is undefined. The embedded"
                                + " machine reports them"),
                of(
                        "nvme registers: (reserved bits of .*|enabled with a misaligned admin queue)",
                        "Base 2.0, 3.1.3, 3.1.3.5 and 3.1.3.8 to 3.1.3.10: reserved bits are read-only"
                                + " and 0; QEMU keeps what was written, and then refuses the"
                                + " address"),
                of(
                        "nvme registers: entry sizes set after enabling",
                        "Base 2.0, 3.1.3.5: AMS, MPS and CSS are set before CC.EN, IOSQES and IOCQES"
                                + " before an I/O queue is created, else it is Invalid Queue Size;"
                                + " QEMU wants all when CC.EN is set"),
                of(
                        "nvme registers: features have their defaults after disabling",
                        "Base 2.0, 3.7.2 and 5.27.1: a Controller Level Reset sets a feature that is"
                                + " not persistent to its default; QEMU keeps it"),
                of(
                        "nvme registers: (a full submission queue|a completion queue that stays full)"
                                + "|nvme I/O: opcode .., namespace .*"
                                + "|nvme admin: (error recovery of namespace 3"
                                + "|a controller's feature with namespace 3|format of namespace 3"
                                + "|identify, CNS 03, namespace 3)",
                        "Base 2.0, 3.2.1.2 and 3.2.1.5: an id of 0 or above NN is invalid: Invalid"
                                + " Namespace or Format (0Bh); one up to NN is inactive: Invalid Field"
                                + " (02h). NN is 256 in QEMU, 2 in the embedded machine"),
                of(
                        "nvme admin: identify, CNS 00, namespace 3",
                        "NVM Command Set 1.0, 4.1.5.1: an inactive namespace is all zero; one above"
                                + " NN is invalid (Base 2.0, 3.2.1.5). NN is 256 in QEMU, 2 in the"
                                + " embedded machine"),
                of(
                        "nvme queues: submission queue, completion queue (0|beyond the limit)",
                        "Base 2.0, 5.5: a CQID of 0 or outside the supported range is Invalid Queue"
                                + " Identifier (01h), one in it that was not created Completion Queue"
                                + " Invalid (00h); QEMU says 00h to all"),
                of(
                        "nvme queues: (delete completion queue .*|delete a pair in order)",
                        "Base 2.0, 5.6: a queue id that is invalid, the admin queue's too, is Invalid"
                                + " Queue Identifier (01h); QEMU says Completion Queue Invalid"
                                + " (00h), which this command does not have"),
                of(
                        "nvme queues: delete a completion queue in use"
                                + "|nvme admin: (fused admin command|event requests beyond the limit)"
                                + "|nvme I/O: (fused pair that is not supported|compare what differs)",
                        "Base 2.0, 3.3.3.2.1: Do Not Retry says that the same command is expected to"
                                + " fail again; whether it is, the controller says"),
                of(
                        "nvme admin: identify, CNS (08|12|13|14|15|1a|1b)",
                        "Base 2.0, figure 273: 08h is mandatory and new in 2.0; the others are for"
                                + " namespace management or virtualization, and without them a"
                                + " controller's choice. QEMU has 12h and 13h only in a subsystem"),
                of(
                        "nvme admin: namespace descriptors",
                        "Base 2.0, 5.17.2.3: there is at least one descriptor that identifies the"
                                + " namespace (type 1, 2 or 3); QEMU has none unless told"),
                of(
                        "nvme admin: identify without a second page"
                                + "|nvme I/O: (PRP2 missing|PRP list entry of zero)",
                        "Base 2.0, 4.1.1: 0 is an address like others. There is memory in QEMU's"
                                + " machine and none in the embedded one: Data Transfer Error (04h)"),
                of(
                        "nvme admin: (get feature .*|set feature .*|save a feature)",
                        "Base 2.0, 5.27.1: which features are there, may be changed or saved, and"
                                + " their defaults, are the controller's to choose within figure 316"),
                of(
                        "nvme admin: log page (00|12)",
                        "Base 2.0, 3.1.2.1.2: pages 00h and 12h are mandatory in 2.0 and unknown to"
                                + " 1.4"),
                of(
                        "nvme admin: health information of a namespace",
                        "Base 2.0, 5.16.1.3: without LPA bit 0 a namespace's own page is Invalid"
                                + " Field; 0h and FFFFFFFFh are the controller's. QEMU sets LPA bit 0"
                                + " and does not know 0h"),
                of(
                        "nvme admin: health information from 512",
                        "Base 2.0, 5.16: an offset greater than the page's size is Invalid Field; the"
                                + " size itself is not greater"),
                of(
                        "nvme admin: an event that waits for a request",
                        "Base 2.0, 5.2: an event without a request outstanding should be kept for the"
                                + " next one; QEMU drops those of doorbells, since 3.3.1.2 has them"
                                + " posted if a request is outstanding"),
                of(
                        "nvme admin: one event of a kind until its log page is read",
                        "Base 2.0, 5.2 and 5.16: an event is cleared, and the next of its kind"
                                + " reported, when Get Log Page has succeeded; the embedded machine"
                                + " completes the command first, QEMU the event"),
                of(
                        "nvme admin: abort of an event request",
                        "Base 2.0, 5.1: Abort is best effort, and bit 0 of its result says that"
                                + " nothing was aborted; QEMU aborts nothing"),
                of(
                        "nvme I/O: scatter-gather list that is not supported",
                        "Base 2.0, figures 86 and 275: PSDT may ask for an SGL where SGLS says that"
                                + " there are any; QEMU has them"),
                of(
                        "nvme I/O: write uncorrectable",
                        "NVM Command Set 1.0, figure 18 and 3.2.7: Write Uncorrectable is optional, as"
                                + " ONCS says; QEMU has none"),
                of(
                        "nvme I/O: PRP1 that is no multiple of 4|nvme I/O: PRP list that is no"
                                + " multiple of 8",
                        "Base 2.0, 4.1.1: an entry is dword aligned and a list qword aligned. A"
                                + " controller may say PRP Offset Invalid (13h) or take the bits for"
                                + " 0; QEMU does not look"),
                of(
                        "nvme I/O: deallocate beyond the end",
                        "NVM Command Set 1.0, 3.2.3 and figure 15: the command is advisory, and a"
                                + " controller may abort one with a range beyond the end, LBA Out of"
                                + " Range (80h); QEMU skips the range"),
                of(
                        "virtio-(blk|net): registers through PCI config access",
                        "VIRTIO 1.2, 4.1.4.9.1: an access of pci_cfg_data must act as one of the BAR."
                                + " The embedded machine has the capability and does not act on it:"
                                + " here it is wrong, and QEMU right"),
                of(
                        "virtio-(blk|net): status (written as 32 bits|read as 16 bits)",
                        "VIRTIO 1.2, 4.1.3.1: a driver must access a field by its own width; the"
                                + " embedded machine reports others, and does not act on them"),
                of(
                        "virtio-(blk|net): without VERSION_1",
                        "VIRTIO 1.2, 6.1 and 6.2: a driver must accept VERSION_1, and a device may"
                                + " fail to operate without"),
                of(
                        "virtio-(blk|net): VERSION_1 and feature (33|36)|virtio-blk: VERSION_1 and"
                                + " feature 63",
                        "VIRTIO 1.2, 2.2.1 and 4.1.4.3.1: a driver must not accept what was not"
                                + " offered; a device may ignore such a bit, as QEMU does, or keep it"
                                + " and then refuse FEATURES_OK"),
                of(
                        "virtio-net: VERSION_1 and feature 63",
                        "VIRTIO 1.2, 5.1.3: VIRTIO_NET_F_SPEED_DUPLEX (63) is a device's to offer;"
                                + " QEMU does where it is told a speed"),
                of(
                        "virtio-(blk|net): features changed after FEATURES_OK",
                        "VIRTIO 1.2, 3.1.1: a driver must not accept features after FEATURES_OK; the"
                                + " embedded machine ignores them, QEMU shows what was written"),
                of(
                        "virtio-(blk|net): a queue of 3",
                        "VIRTIO 1.2, 4.1.4.3.2 and 4.1.4.3.1: a driver must write, and a device show,"
                                + " a power of 2 for a split queue; QEMU takes any"),
                of(
                        "virtio-blk: beyond the configuration",
                        "VIRTIO 1.2, 2.5.1 and 4.1.4.6: there may be padding behind the fields; what"
                                + " it reads is not said"),
                of(
                        "virtio-blk: discard with.*",
                        "VIRTIO 1.2, 5.2.6 and 5.2.6.1: a driver must give whole ranges, and IOERR is"
                                + " for its errors too; QEMU says DEVICE_NEEDS_RESET (2.1.2)"),
                of(
                        "virtio-blk: a notification without DRIVER_OK",
                        "VIRTIO 1.2, 2.1.2: a device must not consume buffers before DRIVER_OK; QEMU"
                                + " does"),
                of(
                        "virtio-net: control features without the control queue",
                        "VIRTIO 1.2, 5.1.3.1 and 2.2.2: they require VIRTIO_NET_F_CTRL_VQ, and only a"
                                + " valid subset is to be accepted; QEMU does not look"),
                of(
                        "virtio-net: (split|packed): (a frame of .* bytes|header in a piece of its own)",
                        "VIRTIO 1.2, 5.1.6.4.1: num_buffers must be 1 without MRG_RXBUF; QEMU leaves"
                                + " 0"),
                of(
                        "virtio-net: a frame to .* address, receive mode [2-5] on",
                        "VIRTIO 1.2, 5.1.6.5.1.1: these commands are of VIRTIO_NET_F_CTRL_RX_EXTRA,"
                                + " which was not negotiated; QEMU does not look"),
                of(
                        "virtio-net: a frame to (multicast|another's) address.*",
                        "VIRTIO 1.2, 5.1.6.5.1: filtering is best-effort, unwanted packets may arrive,"
                                + " and the first mode is not said; QEMU begins promiscuous"));
    }
}
