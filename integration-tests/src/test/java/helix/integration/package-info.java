/// Tests of the whole: Pax Exam over the distribution's bundles, and the command line as its user
/// sees it.
@NullMarked
package helix.integration;

import org.jspecify.annotations.NullMarked;
