/// The binder and what it consists of: matching, the life of modules, their threads, supervision.
@NullMarked
package helix.modules.internal;

import org.jspecify.annotations.NullMarked;
