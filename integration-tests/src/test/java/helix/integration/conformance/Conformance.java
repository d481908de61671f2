package helix.integration.conformance;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.stream.Stream;

/// Runs all scripts on one machine.
final class Conformance {
    private static final int NVME_CLASS = 0x010802;
    private static final int BLOCK_CLASS = 0x010000;
    private static final int NETWORK_CLASS = 0x020000;

    private final Bench bench;
    private final Map<String, List<String>> replies = new LinkedHashMap<>();

    private Conformance(Bench bench) {
        this.bench = bench;
    }

    /// What every script's device let be seen, by the script's name.
    static Map<String, List<String>> run(Bench bench) {
        Conformance run = new Conformance(bench);
        run.nvme();
        run.block();
        run.network();
        return run.replies;
    }

    private void nvme() {
        List<Sequence<NvmeRig>> scripts =
                Stream.of(NvmeRegisters.all(), NvmeQueues.all(), NvmeAdmin.all(), NvmeIo.all())
                        .flatMap(List::stream)
                        .toList();
        int devfn = Function.find(bench, NVME_CLASS).getFirst();
        try (Function function = new Function(bench, devfn, 0)) {
            all(scripts, new NvmeRig(function), NvmeRig::begin);
        }
    }

    private void block() {
        List<Sequence<VirtioRig>> scripts =
                Stream.of(VirtioTransport.all("virtio-blk"), VirtioBlock.all())
                        .flatMap(List::stream)
                        .toList();
        int devfn = Function.find(bench, BLOCK_CLASS).getFirst();
        try (Function function = new Function(bench, devfn, 1)) {
            all(scripts, new VirtioRig(function), VirtioRig::begin);
        }
    }

    private void network() {
        List<Integer> cards = Function.find(bench, NETWORK_CLASS);
        try (Function card = new Function(bench, cards.get(0), 2);
                Function peer = new Function(bench, cards.get(1), 3)) {
            VirtioRig rig = new VirtioRig(card);
            all(VirtioTransport.all("virtio-net"), rig, VirtioRig::begin);
            all(
                    VirtioNetwork.all(),
                    new VirtioNetwork.Pair(rig, new VirtioRig(peer)),
                    VirtioNetwork.Pair::begin);
        }
    }

    private <R> void all(List<Sequence<R>> scripts, R rig, BiConsumer<R, Transcript> begin) {
        for (Sequence<R> script : scripts) {
            Transcript transcript = new Transcript();
            begin.accept(rig, transcript);
            script.steps().run(rig);
            if (replies.put(script.name(), transcript.lines()) != null) {
                throw new IllegalStateException(script.name() + " is there twice");
            }
        }
    }
}
