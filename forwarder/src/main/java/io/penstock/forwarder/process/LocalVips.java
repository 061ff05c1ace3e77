package io.penstock.forwarder.process;

import io.penstock.control.cli.HostLacksException;
import io.penstock.control.config.Addresses;
import io.penstock.forwarder.linux.Routes;
import java.net.InetAddress;
import java.util.Collection;

/// A VIP that is an address of this host: its stack would answer for it, too, whatever we do.
final class LocalVips {
    private LocalVips() {}

    /// Refuses VIPs that the host has as its own.
    ///
    /// @throws HostLacksException naming the first one and the remedy
    static void refuse(Routes routes, Collection<InetAddress> vips) {
        for (InetAddress vip : vips) {
            String owner = routes.ownerOf(vip);
            if (owner != null) {
                throw new HostLacksException(
                        "VIP " + Addresses.text(vip) + " is an address of this host, on " + owner, remedy(vip, owner));
            }
        }
    }

    static String refusal(InetAddress vip, String owner) {
        return "VIP " + Addresses.text(vip) + " is an address of this host, on " + owner
                + ": its own stack answers for it, too: " + remedy(vip, owner);
    }

    private static String remedy(InetAddress vip, String owner) {
        int length = 8 * vip.getAddress().length;
        return "ip addr del " + Addresses.text(vip) + "/" + length + " dev " + owner
                + " (VIPs belong on the backends' loopback only)";
    }
}
