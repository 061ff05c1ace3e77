package io.penstock.forwarder.path;

import java.util.Locale;

/// What we answered ourselves: the word after `reply` in the output of `replay`.
public enum ReplyKind {
    /// An ARP reply (RFC 826).
    ARP(0),
    /// A neighbour advertisement (RFC 4861).
    ND(1),
    /// An echo reply (RFC 792, RFC 4443).
    ECHO(2),
    /// A TCP reset (RFC 9293 §3.10.7.1).
    RST(3),
    /// Fragmentation needed, or packet too big (RFC 1191, RFC 8201).
    TOO_BIG(4),
    /// Destination unreachable: a router has said so of our outer packet (RFC 2003 §4, RFC 2473 §8).
    UNREACHABLE(5);

    private static final ReplyKind[] BY_CODE = values();

    private final int code;

    ReplyKind(int code) {
        this.code = code;
    }

    /// {@return its number in [Disposition#detail]}
    public int code() {
        return code;
    }

    /// {@return the kind with this number}
    public static ReplyKind of(int code) {
        return BY_CODE[code];
    }

    /// {@return the word that programs read}
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}
