package helix.shell;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonPrimitive;
import com.google.gson.JsonSerializer;
import com.google.gson.ToNumberPolicy;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/// JSON as the shell prints it: on one line, absent values as null, bytes in hex.
final class Json {
    private static final JsonSerializer<byte[]> BYTES =
            (bytes, type, context) -> new JsonPrimitive(HexFormat.of().formatHex(bytes));

    private static final Gson GSON =
            new GsonBuilder()
                    .serializeNulls()
                    .disableHtmlEscaping()
                    .setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE)
                    .registerTypeAdapter(byte[].class, BYTES)
                    .create();

    private Json() {}

    static String write(@Nullable Object document) {
        return GSON.toJson(document);
    }
}
