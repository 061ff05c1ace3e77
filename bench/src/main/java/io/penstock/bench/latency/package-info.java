/// How long a frame stays in the forwarder.
@NullMarked
package io.penstock.bench.latency;

import org.jspecify.annotations.NullMarked;
