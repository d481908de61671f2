/// What the reload engine keeps and measures: files of revisions, reports, rates, scratch memory.
@NullMarked
package helix.modules.internal.reload;

import org.jspecify.annotations.NullMarked;
