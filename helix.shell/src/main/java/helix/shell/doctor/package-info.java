/// `helix:doctor`: checks of the computer and of the instance.
@NullMarked
package helix.shell.doctor;

import org.jspecify.annotations.NullMarked;
