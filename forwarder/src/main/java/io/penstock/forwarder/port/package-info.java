/// Ports: our view of one NIC queue, over AF_XDP, AF_PACKET or plain memory.
@NullMarked
package io.penstock.forwarder.port;

import org.jspecify.annotations.NullMarked;
