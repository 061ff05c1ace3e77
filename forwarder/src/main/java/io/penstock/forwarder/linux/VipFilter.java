package io.penstock.forwarder.linux;

import java.net.InetAddress;
import java.util.Set;

/// A program in the kernel that tells frames that concern our VIPs from those that are the host's. Gone from the
/// interface when this closes or the process dies.
///
/// [#update] may be called by any one thread at a time while frames flow; a frame meets either the old or the new
/// state of each address, and addresses in both are never missing in between.
public interface VipFilter extends AutoCloseable {
    /// Makes these the addresses that the program knows.
    ///
    /// @param vips          addresses we answer for, IPv4 and IPv6
    /// @param tunnelSources our outer source addresses, whose ICMP errors about tunnel packets are ours
    void update(Set<InetAddress> vips, Set<InetAddress> tunnelSources);

    /// {@return a line for people: where it hangs, and in what mode}
    String description();

    @Override
    void close();
}
