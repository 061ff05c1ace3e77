package io.penstock.forwarder.path;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.nio.ByteBuffer;

/// An IP address as two longs, the form in which the packet path compares them.
///
/// @param isV6 which family
/// @param high first 64 bits of an IPv6 address; 0 for IPv4
/// @param low  last 64 bits of an IPv6 address; the IPv4 address in the low 32 bits, upper bits 0
public record IpKey(boolean isV6, long high, long low) {
    /// {@return the key of an address}
    public static IpKey of(InetAddress address) {
        ByteBuffer bytes = ByteBuffer.wrap(address.getAddress());
        return address instanceof Inet4Address
                ? new IpKey(false, 0, bytes.getInt() & 0xffff_ffffL)
                : new IpKey(true, bytes.getLong(), bytes.getLong());
    }

    /// {@return the address, for people}
    public InetAddress address() {
        ByteBuffer bytes = ByteBuffer.allocate(isV6 ? 16 : 4);
        if (isV6) {
            bytes.putLong(high).putLong(low);
        } else {
            bytes.putInt((int) low);
        }
        try {
            return InetAddress.getByAddress(bytes.array());
        } catch (java.net.UnknownHostException e) {
            throw new AssertionError(e); // Thrown for other lengths than 4 and 16 only.
        }
    }
}
