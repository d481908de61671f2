package helix.integration.conformance;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// Runs all scripts on one machine.
final class Conformance {
    private static final int NVME_CLASS = 0x010802;

    private Conformance() {}

    static List<Sequence<NvmeRig>> nvme() {
        return Stream.of(NvmeRegisters.all(), NvmeQueues.all(), NvmeAdmin.all(), NvmeIo.all())
                .flatMap(List::stream)
                .toList();
    }

    /// What every script's device let be seen, by the script's name.
    static Map<String, List<String>> run(Bench bench) {
        Map<String, List<String>> replies = new LinkedHashMap<>();
        int nvme = Function.find(bench, NVME_CLASS, -1).getFirst();
        try (Function function = new Function(bench, nvme, 0)) {
            NvmeRig rig = new NvmeRig(function);
            for (Sequence<NvmeRig> sequence : nvme()) {
                Transcript transcript = new Transcript();
                rig.begin(transcript);
                sequence.steps().run(rig);
                if (replies.put(sequence.name(), transcript.lines()) != null) {
                    throw new IllegalStateException(sequence.name() + " is there twice");
                }
            }
        }
        return replies;
    }
}
