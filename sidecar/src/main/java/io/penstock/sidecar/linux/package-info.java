/// What the sidecar asks of Linux beyond the JDK and Netty: ICMP sockets, process groups, policy routes.
@NullMarked
package io.penstock.sidecar.linux;

import org.jspecify.annotations.NullMarked;
