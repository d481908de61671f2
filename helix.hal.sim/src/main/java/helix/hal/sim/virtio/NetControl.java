package helix.hal.sim.virtio;

import helix.hal.sim.api.DeviceContext;
import java.lang.foreign.MemorySegment;

/// The control queue's commands: VIRTIO 1.2, section 5.1.6.5.
final class NetControl {
    private static final int CLASS_RX = 0;
    private static final int CLASS_MAC = 1;
    private static final int CLASS_VLAN = 2;
    private static final int CLASS_ANNOUNCE = 3;
    private static final int CLASS_MQ = 4;

    private static final int OK = 0;
    private static final int ERR = 1;

    private static final int RX_ALLMULTI = 1;
    private static final int MAC_TABLE_SET = 0;
    private static final int MAC_ADDR_SET = 1;
    private static final int VLAN_ADD = 0;
    private static final int VLAN_DEL = 1;

    private static final int MOST_BYTES = 4096;
    private static final int DATA = 2;

    private final NetDevice card;
    private final NetFilter filter;
    private final MemorySegment command = MemorySegment.ofArray(new byte[MOST_BYTES + 8]);

    NetControl(NetDevice card, NetFilter filter) {
        this.card = card;
        this.filter = filter;
    }

    /// Carries a command out.
    ///
    /// @return the ack
    int execute(DeviceContext device, MemorySegment memory, Chain chain) {
        if (chain.readableBytes() > MOST_BYTES) {
            return ERR;
        }
        long bytes = chain.copyOut(memory, 0, command, 0, chain.readableBytes());
        int type = Wire.u8(command, 0);
        int number = Wire.u8(command, 1);
        long data = bytes - DATA;
        long needed =
                switch (type) {
                    case CLASS_RX, CLASS_MAC -> NetDevice.F_CTRL_RX;
                    case CLASS_VLAN -> NetDevice.F_CTRL_VLAN;
                    case CLASS_ANNOUNCE -> NetDevice.F_GUEST_ANNOUNCE;
                    case CLASS_MQ -> NetDevice.F_MQ;
                    default -> 0;
                };
        if (type == CLASS_MAC && number == MAC_ADDR_SET) {
            needed = NetDevice.F_CTRL_MAC_ADDR;
        }
        if (needed == 0) {
            return ERR;
        }
        if (!card.has(needed)) {
            device.violation(
                    "control commands need their feature (VIRTIO 1.2, 5.1.6.5)",
                    "class %d command %d".formatted(type, number));
            return ERR;
        }
        return execute(type, number, data) ? OK : ERR;
    }

    private boolean execute(int type, int number, long data) {
        return switch (type) {
            // Further modes are for those who negotiate CTRL_RX_EXTRA, which is not offered.
            case CLASS_RX ->
                    data == 1
                            && number <= RX_ALLMULTI
                            && filter.mode(number, Wire.u8(command, DATA) != 0);
            case CLASS_MAC -> mac(number, data);
            case CLASS_VLAN -> vlan(number, data);
            case CLASS_ANNOUNCE -> number == 0 && card.announced();
            case CLASS_MQ -> number == 0 && data == 2 && card.pairs(Wire.u16(command, DATA));
            default -> false;
        };
    }

    private boolean mac(int number, long data) {
        if (number == MAC_TABLE_SET) {
            return filter.table(command, DATA, data);
        }
        if (number != MAC_ADDR_SET || data != NetFilter.MAC_BYTES) {
            return false;
        }
        card.mac(NetFilter.address(command, DATA));
        return true;
    }

    private boolean vlan(int number, long data) {
        if (data != 2 || (number != VLAN_ADD && number != VLAN_DEL)) {
            return false;
        }
        int id = Wire.u16(command, DATA);
        if (id > 0xFFF) {
            return false;
        }
        filter.vlan(id, number == VLAN_ADD);
        return true;
    }
}
