/// Netty's native transports as the workers' means to wait for frames.
@NullMarked
package io.penstock.forwarder.transport;

import org.jspecify.annotations.NullMarked;
