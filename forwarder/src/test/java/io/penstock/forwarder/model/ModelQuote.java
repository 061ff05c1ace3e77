package io.penstock.forwarder.model;

import static io.penstock.forwarder.model.Bytes.checksum;
import static io.penstock.forwarder.model.Bytes.hex;
import static io.penstock.forwarder.model.Bytes.slice;
import static io.penstock.forwarder.model.Bytes.sum;
import static io.penstock.forwarder.model.Bytes.u16;
import static io.penstock.forwarder.model.Bytes.u32;
import static io.penstock.forwarder.model.Bytes.u8;

import io.penstock.control.config.Forwarding;
import org.jspecify.annotations.Nullable;

/// What an ICMP error quotes.
final class ModelQuote {
    /// A quoted packet, as far as it is there.
    static final class Quoted {
        boolean isV6;
        byte[] bytes = new byte[0];
        String source = "";
        String destination = "";
        int protocol = -1;
        int l4;
        boolean hasPorts;
        boolean isLaterFragment;
        int sourcePort;
        int destinationPort;

        /// {@return the flow that the packet is an answer to}
        String keyOfAnswered() {
            return destination + ":" + destinationPort + ">" + source + ":" + sourcePort + "/" + protocol;
        }
    }

    private ModelQuote() {}

    static boolean isError(ModelPacket message) {
        int type = message.type();
        return message.isV6 ? type >= 1 && type <= 4 : type == 3 || type == 11 || type == 12;
    }

    static boolean isTooBig(ModelPacket message) {
        return message.isV6 ? message.type() == 2 : message.type() == 3 && message.code() == 4;
    }

    /// {@return the packet that an error quotes, or null when it is damaged or quotes too little}
    static @Nullable Quoted quoted(ModelPacket message) {
        byte[] quote = quote(message);
        return quote == null || quote.length == 0 ? null : read(quote, message.isV6);
    }

    private static byte @Nullable [] quote(ModelPacket message) {
        byte[] icmp = message.transport();
        long pseudoHeader = message.isV6
                ? ModelFrames.pseudoHeader(
                        Bytes.fromHex(message.source), Bytes.fromHex(message.destination), 58, icmp.length)
                : 0;
        if (!isError(message) || checksum(pseudoHeader + sum(icmp)) != 0) {
            return null;
        }
        int length = icmp.length - 8;
        // RFC 4884: the quote's own length.
        int said = message.isV6 ? (message.type() == 2 ? 0 : u8(icmp, 4) * 8) : u8(icmp, 5) * 4;
        return slice(icmp, 8, 8 + (said != 0 && said < length ? said : length));
    }

    /// {@return the MTU that a "too big" names}
    static int mtu(ModelPacket message) {
        byte[] icmp = message.transport();
        if (message.isV6) {
            return u32(icmp, 4);
        }
        byte[] quote = quote(message);
        int said = u16(icmp, 6);
        if (said != 0 || quote == null || quote.length < 20) {
            return said;
        }
        // RFC 1191 section 7: for a router that does not say, the next of these below the packet's length.
        for (int mtu : new int[] {32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296}) {
            if (mtu < u16(quote, 2)) {
                return mtu;
            }
        }
        return 68;
    }

    static @Nullable Quoted read(byte[] bytes, boolean asV6) {
        Quoted quoted = new Quoted();
        quoted.isV6 = asV6;
        quoted.bytes = bytes;
        return (asV6 ? read6(quoted, bytes) : read4(quoted, bytes)) ? quoted : null;
    }

    private static boolean read4(Quoted quoted, byte[] bytes) {
        if (bytes.length < 20 || u8(bytes, 0) >>> 4 != 4 || (bytes[0] & 0xf) < 5) {
            return false;
        }
        quoted.source = hex(slice(bytes, 12, 16));
        quoted.destination = hex(slice(bytes, 16, 20));
        quoted.protocol = u8(bytes, 9);
        quoted.l4 = (bytes[0] & 0xf) * 4;
        if ((u16(bytes, 6) & 0x1fff) == 0) {
            readPorts(quoted);
        }
        return true;
    }

    private static boolean read6(Quoted quoted, byte[] bytes) {
        if (bytes.length < 40 || u8(bytes, 0) >>> 4 != 6) {
            return false;
        }
        quoted.source = hex(slice(bytes, 8, 24));
        quoted.destination = hex(slice(bytes, 24, 40));
        quoted.l4 = 40;
        int next = u8(bytes, 6);
        int headers = 0;
        while (next == 0 || next == 43 || next == 44 || next == 60) {
            boolean isLater = next == 44 && quoted.l4 + 8 <= bytes.length && u16(bytes, quoted.l4 + 2) >>> 3 != 0;
            quoted.isLaterFragment = isLater;
            if (quoted.l4 + 8 > bytes.length || isLater) {
                return true; // Its protocol cannot be told.
            }
            headers++;
            int following = u8(bytes, quoted.l4);
            quoted.l4 += next == 44 ? 8 : 8 * (u8(bytes, quoted.l4 + 1) + 1);
            next = following;
            if (headers == 9) {
                return true;
            }
        }
        quoted.protocol = next;
        readPorts(quoted);
        return true;
    }

    private static void readPorts(Quoted quoted) {
        boolean isTransport = quoted.protocol == ModelPacket.TCP || quoted.protocol == ModelPacket.UDP;
        if (isTransport && quoted.l4 + 4 <= quoted.bytes.length) {
            quoted.hasPorts = true;
            quoted.sourcePort = u16(quoted.bytes, quoted.l4);
            quoted.destinationPort = u16(quoted.bytes, quoted.l4 + 2);
        }
    }

    /// {@return the tunnel that a quoted outer packet belongs to, or null when it is none of ours}
    static @Nullable Forwarding tunnel(Quoted outer) {
        if (outer.protocol == 4 || outer.protocol == 41) {
            return Forwarding.IPIP;
        }
        if (outer.protocol == 47) {
            boolean isThere = outer.l4 + 4 <= outer.bytes.length;
            int header = isThere ? u32(outer.bytes, outer.l4) : 0x0800;
            return header == 0x0800 || header == 0x86dd ? Forwarding.GRE : null;
        }
        boolean isGue = outer.protocol == ModelPacket.UDP && outer.hasPorts && outer.destinationPort == 6080;
        return isGue ? Forwarding.GUE : null;
    }

    /// {@return the client's packet in a quoted outer one, cut to its length; null when it is not there}
    static @Nullable Quoted inner(Quoted outer, Forwarding tunnel) {
        int at = outer.l4 + (tunnel == Forwarding.GUE ? 8 : tunnel == Forwarding.GRE ? 4 : 0);
        if (at >= outer.bytes.length) {
            return null;
        }
        int version = u8(outer.bytes, at) >>> 4;
        int said = switch (tunnel) {
            case IPIP -> outer.protocol == 41 ? 6 : 4;
            case GRE -> u32(outer.bytes, outer.l4) == 0x86dd ? 6 : 4;
            default -> version;
        };
        if ((version != 4 && version != 6) || version != said) {
            return null;
        }
        byte[] bytes = slice(outer.bytes, at, outer.bytes.length);
        Quoted inner = read(bytes, version == 6);
        if (inner != null) {
            int length = version == 6 ? 40 + u16(bytes, 4) : Math.max(20, u16(bytes, 2));
            inner.bytes = slice(bytes, 0, Math.min(bytes.length, length));
        }
        return inner;
    }
}
