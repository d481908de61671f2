package helix.modules.api;

import java.util.Map;

/// A question to a module that only its kind of driver understands.
///
/// @param name what is asked: `smart-log`
/// @param arguments details, by name
public record Request(String name, Map<String, Object> arguments) {}
