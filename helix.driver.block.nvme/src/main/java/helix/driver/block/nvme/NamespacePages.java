package helix.driver.block.nvme;

/// What the controller said of an active namespace, for the code of any generation to judge.
///
/// @param nsid its identifier
/// @param identify Identify Namespace, CNS 00h
/// @param descriptors Namespace Identification Descriptor list, CNS 03h; zeroes if there is none
@SuppressWarnings("ArrayRecordComponent") // written and read, never compared
record NamespacePages(int nsid, byte[] identify, byte[] descriptors) {
    void write(StateWriter out) {
        out.number(nsid);
        out.page(identify);
        out.page(descriptors);
    }

    static NamespacePages read(StateReader in) {
        return new NamespacePages(
                in.number("namespace"),
                in.page("identify namespace"),
                in.page("namespace descriptors"));
    }
}
