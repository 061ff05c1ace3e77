/// Frames over a virtual wire: the forwarder as it is run, and its peers.
@NullMarked
package io.penstock.bench.wire;

import org.jspecify.annotations.NullMarked;
