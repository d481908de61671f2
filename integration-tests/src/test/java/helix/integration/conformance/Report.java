package helix.integration.conformance;

import helix.integration.conformance.Differences.Difference;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/// The page of the documentation about what the scripts found.
final class Report {
    private Report() {}

    static String of(
            Map<String, List<String>> theirs,
            Map<String, List<String>> ours,
            Map<Difference, List<String>> listed) {
        int differing = listed.values().stream().mapToInt(List::size).sum();
        StringBuilder page = new StringBuilder();
        page.append(
                """
                # The embedded machine beside QEMU

                Made by `ConformanceIT`, which fails where this page is not what it would write. %d scripts of register
                accesses, commands and descriptor chains run on QEMU 7.2's `nvme`, `virtio-blk-pci` and
                `virtio-net-pci` and on the embedded machine's models, without our drivers. %d get equal replies; the
                other %d follow with what the specification says of them.
                """
                        .formatted(ours.size(), ours.size() - differing, differing));
        listed.forEach((reason, scripts) -> {
            page.append("\n## ").append(reason.word()).append("\n\n");
            page.append("| script | QEMU 7.2 | embedded machine |\n| --- | --- | --- |\n");
            for (String script : scripts) {
                row(page, script, theirs.get(script), ours.get(script));
            }
        });
        return page.toString();
    }

    /// Lines that both say are left out where there are as many on each side.
    private static void row(
            StringBuilder page, String script, List<String> theirs, List<String> ours) {
        List<String> left = theirs;
        List<String> right = ours;
        if (theirs.size() == ours.size()) {
            List<Integer> differing =
                    IntStream.range(0, ours.size())
                            .filter(i -> !ours.get(i).equals(theirs.get(i)))
                            .boxed()
                            .toList();
            left = differing.stream().map(theirs::get).toList();
            right = differing.stream().map(ours::get).toList();
        }
        page.append("| %s | %s | %s |%n".formatted(script, cell(left), cell(right)));
    }

    private static String cell(List<String> lines) {
        return String.join("<br>", lines).replace("|", "\\|");
    }
}
