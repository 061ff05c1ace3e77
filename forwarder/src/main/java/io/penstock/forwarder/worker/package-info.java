/// Threads: workers that forward, and the conductor that prepares what they need.
@NullMarked
package io.penstock.forwarder.worker;

import org.jspecify.annotations.NullMarked;
