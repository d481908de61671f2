/// Gogo sessions for the launcher: the interactive shell, commands given at the start, and the
/// control socket of a background platform. Exports nothing; the launcher calls the one service.
@NullMarked
package helix.session;

import org.jspecify.annotations.NullMarked;
