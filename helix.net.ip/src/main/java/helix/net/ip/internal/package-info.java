/// A small IPv4 stack over network interfaces.
@NullMarked
package helix.net.ip.internal;

import org.jspecify.annotations.NullMarked;
