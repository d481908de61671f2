package helix.shell;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;

/// Prints records as aligned columns. Columns in which no row has a value are left out.
///
/// @param <T> the record
public final class Table<T> {
    private record Column<T>(String title, boolean right, Function<T, ?> value) {
        String cell(T row) {
            Object v = value.apply(row);
            return switch (v) {
                case null -> "";
                case Iterable<?> list -> {
                    List<String> words = new ArrayList<>();
                    list.forEach(w -> words.add(String.valueOf(w)));
                    yield String.join(" ", words);
                }
                default -> v.toString().replace('\n', ' ');
            };
        }
    }

    private final List<Column<T>> columns = new ArrayList<>();

    /// Adds a column of words.
    ///
    /// @param title its heading
    /// @param value what a row has there; null shows as empty
    /// @return this
    public Table<T> column(String title, Function<T, ?> value) {
        columns.add(new Column<>(title, false, value));
        return this;
    }

    /// Adds a column of numbers.
    ///
    /// @param title its heading
    /// @param value what a row has there; null shows as empty
    /// @return this
    public Table<T> number(String title, Function<T, ?> value) {
        columns.add(new Column<>(title, true, value));
        return this;
    }

    /// Prints a heading and a line for each row.
    ///
    /// @param out where to
    /// @param rows what to print
    public void print(Output out, List<T> rows) {
        List<Column<T>> shown =
                columns.stream()
                        .filter(c -> rows.stream().anyMatch(r -> !c.cell(r).isEmpty()))
                        .toList();
        if (shown.isEmpty()) {
            shown = columns;
        }
        List<List<String>> lines = new ArrayList<>();
        lines.add(shown.stream().map(Column::title).toList());
        for (T row : rows) {
            lines.add(shown.stream().map(c -> c.cell(row)).collect(Collectors.toList()));
        }
        int[] width = new int[shown.size()];
        for (List<String> line : lines) {
            for (int i = 0; i < width.length; i++) {
                width[i] = Math.max(width[i], line.get(i).length());
            }
        }
        for (List<String> line : lines) {
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < width.length; i++) {
                String cell = line.get(i);
                String pad = " ".repeat(width[i] - cell.length());
                text.append(shown.get(i).right() ? pad + cell : cell + pad).append("  ");
            }
            out.line(text.toString());
        }
    }
}
