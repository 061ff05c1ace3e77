/// The process around the workers: start and end, mapped tables, the conductor that prepares what workers need.
@NullMarked
package io.penstock.forwarder.process;

import org.jspecify.annotations.NullMarked;
