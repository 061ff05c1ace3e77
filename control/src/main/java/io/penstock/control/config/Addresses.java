package io.penstock.control.config;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/// IP and MAC addresses as text. Literals only: nothing here ever asks a name server.
public final class Addresses {
    private Addresses() {}

    /// Reads an address in dotted-quad form, or in the IPv6 forms of RFC 4291 §2.2 without a zone.
    ///
    /// @return null for anything else, also for shorthand such as `10.1`, octets with leading zeros and
    ///     IPv4-mapped IPv6 addresses
    public static @Nullable InetAddress parse(String text) {
        byte[] bytes = text.indexOf(':') >= 0 ? bytes6(text) : bytes4(text);
        if (bytes == null) {
            return null;
        }
        InetAddress address = of(bytes);
        return bytes.length == 16 && address instanceof Inet4Address ? null : address;
    }

    /// {@return the address of 4 or 16 bytes in network order}
    public static InetAddress of(byte[] bytes) {
        try {
            return InetAddress.getByAddress(bytes);
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("bytes.length=" + bytes.length + ": 4 or 16 expected", e);
        }
    }

    /// {@return dotted quad, or the canonical IPv6 form of RFC 5952}
    public static String text(InetAddress address) {
        byte[] bytes = address.getAddress();
        return bytes.length == 4 ? text4(bytes) : text6(bytes);
    }

    /// {@return whether the address is an IPv6 one}
    public static boolean isIpv6(InetAddress address) {
        return !(address instanceof Inet4Address);
    }

    private static String text4(byte[] bytes) {
        return (bytes[0] & 255) + "." + (bytes[1] & 255) + "." + (bytes[2] & 255) + "." + (bytes[3] & 255);
    }

    private static String text6(byte[] bytes) {
        int bestStart = -1;
        int bestLength = 1; // RFC 5952 §4.2.2: one zero group alone is not shortened.
        int length = 0;
        for (int i = 0; i < 8; i++) {
            length = group(bytes, i) == 0 ? length + 1 : 0;
            if (length > bestLength) {
                bestLength = length;
                bestStart = i - length + 1;
            }
        }
        StringBuilder out = new StringBuilder(39);
        for (int i = 0; i < 8; i++) {
            if (i == bestStart) {
                out.append("::");
                i += bestLength - 1;
                continue;
            }
            if (!out.isEmpty() && out.charAt(out.length() - 1) != ':') {
                out.append(':');
            }
            out.append(Integer.toHexString(group(bytes, i)));
        }
        return out.toString();
    }

    private static int group(byte[] bytes, int i) {
        return ((bytes[2 * i] & 255) << 8) | (bytes[2 * i + 1] & 255);
    }

    private static byte @Nullable [] bytes4(String text) {
        byte[] bytes = new byte[4];
        int at = 0;
        for (int i = 0; i < 4; i++) {
            int value = 0;
            int digits = 0;
            while (at < text.length() && digits < 4 && isDigit(text.charAt(at))) {
                value = 10 * value + text.charAt(at++) - '0';
                digits++;
            }
            boolean leadingZero = digits > 1 && text.charAt(at - digits) == '0';
            if (digits == 0 || digits > 3 || value > 255 || leadingZero) {
                return null;
            }
            bytes[i] = (byte) value;
            if (i < 3 && (at == text.length() || text.charAt(at++) != '.')) {
                return null;
            }
        }
        return at == text.length() ? bytes : null;
    }

    private static byte @Nullable [] bytes6(String text) {
        int gap = text.indexOf("::");
        if (gap < 0) {
            byte[] bytes = groups(text);
            return bytes != null && bytes.length == 16 ? bytes : null;
        }
        byte[] head = groups(text.substring(0, gap));
        byte[] tail = groups(text.substring(gap + 2));
        if (head == null || tail == null || head.length + tail.length > 14) {
            return null;
        }
        if (gap > 0 && text.substring(0, gap).indexOf('.') >= 0) {
            return null; // A dotted quad can only be the end.
        }
        byte[] bytes = new byte[16];
        System.arraycopy(head, 0, bytes, 0, head.length);
        System.arraycopy(tail, 0, bytes, 16 - tail.length, tail.length);
        return bytes;
    }

    /// {@return the bytes of groups between single colons, the last of which may be a dotted quad; null if wrong}
    private static byte @Nullable [] groups(String text) {
        if (text.isEmpty()) {
            return new byte[0];
        }
        String[] parts = text.split(":", -1);
        if (parts.length > 8) {
            return null;
        }
        boolean quad = parts[parts.length - 1].indexOf('.') >= 0;
        byte[] bytes = new byte[2 * parts.length + (quad ? 2 : 0)];
        for (int i = 0; i < parts.length; i++) {
            if (quad && i == parts.length - 1) {
                byte[] last = bytes4(parts[i]);
                if (last == null) {
                    return null;
                }
                System.arraycopy(last, 0, bytes, 2 * i, 4);
                break;
            }
            if (parts[i].isEmpty() || parts[i].length() > 4 || !isHex(parts[i])) {
                return null;
            }
            int group = HexFormat.fromHexDigits(parts[i]);
            bytes[2 * i] = (byte) (group >> 8);
            bytes[2 * i + 1] = (byte) group;
        }
        return bytes;
    }

    /// Reads a MAC address such as `02:00:00:00:00:01`.
    ///
    /// @return 48 bits, first octet highest, or -1 for anything else
    public static long parseMac(String text) {
        String[] octets = text.split(":", -1);
        if (octets.length != 6) {
            return -1;
        }
        long mac = 0;
        for (String octet : octets) {
            if (octet.length() != 2 || !isHex(octet)) {
                return -1;
            }
            mac = (mac << 8) | HexFormat.fromHexDigits(octet);
        }
        return mac;
    }

    /// {@return the address as six octets with colons, in lower case}
    public static String macText(long mac) {
        StringBuilder out = new StringBuilder(17);
        for (int shift = 40; shift >= 0; shift -= 8) {
            out.append(HexFormat.of().toHexDigits((byte) (mac >> shift)));
            if (shift > 0) {
                out.append(':');
            }
        }
        return out.toString();
    }

    private static boolean isDigit(char c) {
        return '0' <= c && c <= '9';
    }

    private static boolean isHex(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (!HexFormat.isHexDigit(text.charAt(i))) {
                return false;
            }
        }
        return true;
    }
}
