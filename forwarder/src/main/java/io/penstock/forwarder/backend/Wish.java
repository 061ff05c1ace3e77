package io.penstock.forwarder.backend;

import io.penstock.forwarder.linux.BpfLink;
import io.penstock.forwarder.linux.Tunnel;
import java.net.InetAddress;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What the operator asks of a backend host.
///
/// @param vips           VIPs; empty for all that are installed
/// @param tunnels        which tunnels to open for them; empty for none
/// @param interfaceNames where tunnels and clients' packets arrive; empty to find out
/// @param mode           how the XDP program has to run; null for the best that can be had
record Wish(Set<InetAddress> vips, Set<Tunnel> tunnels, Set<String> interfaceNames, BpfLink.@Nullable Mode mode) {}
