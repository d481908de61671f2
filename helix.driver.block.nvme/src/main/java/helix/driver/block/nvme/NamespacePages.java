package helix.driver.block.nvme;

import helix.modules.api.StateReader;
import helix.modules.api.StateWriter;

/// What the controller said of an active namespace, for the code of any generation to judge.
///
/// @param nsid its identifier
/// @param identify Identify Namespace, CNS 00h
/// @param descriptors Namespace Identification Descriptor list, CNS 03h; zeroes if there is none
@SuppressWarnings("ArrayRecordComponent") // written and read, never compared
record NamespacePages(int nsid, byte[] identify, byte[] descriptors) {
    void write(StateWriter out) {
        out.number(nsid);
        out.padded(identify);
        out.padded(descriptors);
    }

    static NamespacePages read(StateReader in) {
        return new NamespacePages(
                in.number("namespace"),
                in.padded("identify namespace", AdminQueue.DATA_BYTES),
                in.padded("namespace descriptors", AdminQueue.DATA_BYTES));
    }
}
