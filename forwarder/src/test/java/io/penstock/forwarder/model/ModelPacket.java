package io.penstock.forwarder.model;

import static io.penstock.forwarder.model.Bytes.checksum;
import static io.penstock.forwarder.model.Bytes.hex;
import static io.penstock.forwarder.model.Bytes.slice;
import static io.penstock.forwarder.model.Bytes.sum;
import static io.penstock.forwarder.model.Bytes.u16;
import static io.penstock.forwarder.model.Bytes.u32;
import static io.penstock.forwarder.model.Bytes.u8;

/// A frame, read.
final class ModelPacket {
    static final int TCP = 6;
    static final int UDP = 17;

    /// What a frame is.
    enum Kind {
        /// Too short for its headers, so that nobody can tell whose it is.
        BROKEN,
        /// Neither IP nor ARP.
        FOREIGN,
        ARP,
        /// An IP packet whose addresses can be read, but whose lengths contradict each other.
        BROKEN_IP,
        BAD_SUM,
        /// IP, but no protocol that is forwarded.
        OTHER,
        ICMP,
        FLOW,
        FRAGMENT
    }

    final byte[] frame;
    Kind kind = Kind.BROKEN;
    int l3 = 14;
    boolean isV6;
    String source = "";
    String destination = "";
    /// From the IP header on, without the frame's padding.
    byte[] packet = new byte[0];
    int protocol;
    int ttl;
    boolean mayNotFragment;
    /// Where the transport header begins in the packet.
    int l4;
    int sourcePort;
    int destinationPort;
    int flags;
    String fragmentId = "";
    int fragmentOffset;
    boolean more;

    private ModelPacket(byte[] frame) {
        this.frame = frame;
    }

    static ModelPacket read(byte[] frame) {
        ModelPacket packet = new ModelPacket(frame);
        packet.kind = packet.readEthernet();
        return packet;
    }

    private Kind readEthernet() {
        if (frame.length < 14) {
            return Kind.BROKEN;
        }
        int type = u16(frame, 12);
        if (type == 0x8100) {
            if (frame.length < 18) {
                return Kind.BROKEN;
            }
            l3 = 18;
            type = u16(frame, 16);
        }
        int room = frame.length - l3;
        return switch (type) {
            case 0x0800 -> room < 20 ? Kind.BROKEN : readIp4(room);
            case 0x86dd -> room < 40 ? Kind.BROKEN : readIp6(room);
            case 0x0806 -> readArp(room);
            default -> Kind.FOREIGN;
        };
    }

    private Kind readArp(int room) {
        if (room >= 6 && !hex(slice(frame, l3, l3 + 6)).equals("000108000604")) {
            return Kind.FOREIGN;
        }
        if (room < 28) {
            return Kind.BROKEN;
        }
        packet = slice(frame, l3, l3 + 28);
        source = hex(slice(packet, 14, 18));
        destination = hex(slice(packet, 24, 28));
        return Kind.ARP;
    }

    private Kind readIp4(int room) {
        int headerLength = (frame[l3] & 0xf) * 4;
        int totalLength = u16(frame, l3 + 2);
        ttl = u8(frame, l3 + 8);
        protocol = u8(frame, l3 + 9);
        source = hex(slice(frame, l3 + 12, l3 + 16));
        destination = hex(slice(frame, l3 + 16, l3 + 20));
        int flagsAndOffset = u16(frame, l3 + 6);
        mayNotFragment = (flagsAndOffset & 0x4000) != 0;
        if (u8(frame, l3) >>> 4 != 4 || headerLength < 20 || headerLength > totalLength || totalLength > room) {
            return Kind.BROKEN_IP;
        }
        packet = slice(frame, l3, l3 + totalLength);
        if (checksum(sum(slice(packet, 0, headerLength))) != 0) {
            return Kind.BAD_SUM;
        }
        l4 = headerLength;
        more = (flagsAndOffset & 0x2000) != 0;
        fragmentOffset = (flagsAndOffset & 0x1fff) * 8;
        if (more || fragmentOffset != 0) {
            fragmentId = source + destination + protocol + "/" + u16(packet, 4);
            return readFragment();
        }
        return readUpper(1, packet.length - l4);
    }

    private Kind readIp6(int room) {
        isV6 = true;
        mayNotFragment = true;
        ttl = u8(frame, l3 + 7);
        source = hex(slice(frame, l3 + 8, l3 + 24));
        destination = hex(slice(frame, l3 + 24, l3 + 40));
        int length = 40 + u16(frame, l3 + 4);
        if (u8(frame, l3) >>> 4 != 6 || length > room) {
            return Kind.BROKEN_IP;
        }
        packet = slice(frame, l3, l3 + length);
        protocol = u8(packet, 6);
        l4 = 40;
        boolean isFirstFragment = false;
        boolean wasFragment = false;
        for (int headers = 1; isExtension(protocol); headers++) {
            if (headers > 8 || l4 + 8 > length || (protocol == 0 && headers > 1) || (protocol == 44 && wasFragment)) {
                return Kind.BROKEN_IP;
            }
            int next = u8(packet, l4);
            if (protocol == 44) {
                wasFragment = true;
                fragmentOffset = u16(packet, l4 + 2) & 0xfff8;
                more = (packet[l4 + 3] & 1) != 0;
                fragmentId = source + destination + "/" + u32(packet, l4 + 4);
                l4 += 8;
                protocol = next;
                if (fragmentOffset != 0) {
                    return readFragment();
                }
                isFirstFragment = more;
            } else {
                l4 += 8 * (u8(packet, l4 + 1) + 1);
                protocol = next;
            }
        }
        if (l4 > length) {
            return Kind.BROKEN_IP;
        }
        return isFirstFragment ? readFragment() : readUpper(58, length - l4);
    }

    private static boolean isExtension(int protocol) {
        return protocol == 0 || protocol == 43 || protocol == 44 || protocol == 60;
    }

    private Kind readFragment() {
        int data = packet.length - l4;
        if (data == 0 || (more && data % 8 != 0) || fragmentOffset + data > 65_535) {
            return Kind.BROKEN_IP;
        }
        if (fragmentOffset > 0) {
            return protocol == TCP && fragmentOffset == 8 ? Kind.BROKEN_IP : Kind.FRAGMENT;
        }
        boolean isTransport = protocol == TCP || protocol == UDP;
        return isTransport && readUpper(-1, 65_535) == Kind.BROKEN_IP ? Kind.BROKEN_IP : Kind.FRAGMENT;
    }

    /// @param icmp   the protocol number of ICMP in this family
    /// @param udpMax the greatest UDP length that can be right
    private Kind readUpper(int icmp, int udpMax) {
        int length = packet.length - l4;
        if (protocol == TCP) {
            if (length < 20) {
                return Kind.BROKEN_IP;
            }
            int headerLength = (u8(packet, l4 + 12) >>> 4) * 4;
            readPorts();
            flags = u8(packet, l4 + 13);
            return headerLength < 20 || headerLength > length ? Kind.BROKEN_IP : Kind.FLOW;
        }
        if (protocol == UDP) {
            if (length < 8) {
                return Kind.BROKEN_IP;
            }
            readPorts();
            int said = u16(packet, l4 + 4);
            return said < 8 || said > udpMax ? Kind.BROKEN_IP : Kind.FLOW;
        }
        if (protocol == icmp) {
            return length < 8 ? Kind.BROKEN_IP : Kind.ICMP;
        }
        return Kind.OTHER;
    }

    private void readPorts() {
        sourcePort = u16(packet, l4);
        destinationPort = u16(packet, l4 + 2);
    }

    byte[] transport() {
        return slice(packet, l4, packet.length);
    }

    int type() {
        return u8(packet, l4);
    }

    int code() {
        return u8(packet, l4 + 1);
    }

    /// {@return the VLAN tag, or nothing}
    byte[] tag() {
        return slice(frame, 12, l3 - 2);
    }

    String flowKey() {
        return source + ":" + sourcePort + ">" + destination + ":" + destinationPort + "/" + protocol;
    }

    /// {@return whether the frame came from one station to one station}
    boolean isBetweenStations() {
        return (frame[0] & 1) == 0 && (frame[6] & 1) == 0;
    }

    /// {@return whether an address can be a host's}
    static boolean isHost(String address) {
        if (address.length() == 8) {
            int first = Integer.parseInt(address.substring(0, 2), 16);
            return first != 0 && first != 127 && first < 224;
        }
        return !address.startsWith("ff")
                && !address.equals("00000000000000000000000000000000")
                && !address.equals("00000000000000000000000000000001");
    }
}
