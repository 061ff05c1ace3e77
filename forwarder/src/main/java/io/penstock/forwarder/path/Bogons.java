package io.penstock.forwarder.path;

/// Source addresses that no client can have: a VIP of ours, loopback, multicast, broadcast, zero (RFC 1122 §3.2.1.3,
/// RFC 4291 §2.5 to §2.7).
final class Bogons {
    private Bogons() {}

    static boolean isBogon(PathContext context, int i) {
        return context.isV6(i)
                ? isBogon6(context.listeners, context.parsed.sourceHigh[i], context.parsed.sourceLow[i])
                : isBogon4(context.listeners, context.parsed.source4(i));
    }

    static boolean isBogon(ListenerTable listeners, IpKey source) {
        return source.isV6()
                ? isBogon6(listeners, source.high(), source.low())
                : isBogon4(listeners, (int) source.low());
    }

    static boolean isBogon4(ListenerTable listeners, int source) {
        int first = source >>> 24;
        return first == 0
                || first == 127
                || (first >= 224 && (first < 240 || source == -1))
                || listeners.vip4(source) >= 0;
    }

    private static boolean isBogon6(ListenerTable listeners, long high, long low) {
        boolean unspecifiedOrLoopback = high == 0 && (low == 0 || low == 1);
        return unspecifiedOrLoopback || high >>> 56 == 0xff || listeners.vip6(high, low) >= 0;
    }
}
