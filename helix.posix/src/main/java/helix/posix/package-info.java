/// Linux system calls that Helix needs, made through the Foreign Function and Memory API.
///
/// This is the only bundle of the platform that makes downcalls or uses restricted methods of
/// `java.lang.foreign` (the GPU loaders excepted). Nothing here knows about devices. Every failed
/// call throws [PosixException] with the name of the call and its `errno`. Calls that can block
/// take a time limit.
///
/// Threads: unless a class says otherwise, an object may be used by several threads, but closing it
/// while another thread is inside one of its calls is the caller's mistake.
@Export
@Version("1.0.0")
@NullMarked
package helix.posix;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
