/// The commands that this module owns: `forwarder`, `replay`, `flows`, `explain`, `trace`, `backend`.
@NullMarked
package io.penstock.forwarder.cli;

import org.jspecify.annotations.NullMarked;
