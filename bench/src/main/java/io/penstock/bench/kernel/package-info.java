/// A prototype, no part of the forwarder: established flows forwarded inside the kernel, by an XDP program that reads the
/// workers' own flow table. `docs/design/in-kernel-flows.md` says what it would take to build it.
@NullMarked
package io.penstock.bench.kernel;

import org.jspecify.annotations.NullMarked;
