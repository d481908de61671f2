package helix.driver.block.nvme;

/// Opcodes of the NVM command set. Base 2.0, section 7 (Flush); NVM 1.0, section 3.2.
final class IoCommand {
    static final int FLUSH = 0x00;
    static final int WRITE = 0x01;
    static final int READ = 0x02;
    static final int COMPARE = 0x05;
    static final int WRITE_ZEROES = 0x08;
    static final int DATASET_MANAGEMENT = 0x09;

    private IoCommand() {}
}
