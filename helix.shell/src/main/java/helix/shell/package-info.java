/// The Gogo commands of the platform and what they share: a command is a picocli class with a
/// `run`, found in the [Catalog], and talks to the rest through a [Platform].
@NullMarked
package helix.shell;

import org.jspecify.annotations.NullMarked;
