package io.penstock.forwarder.model;

import static io.penstock.forwarder.model.Bytes.fromHex;
import static io.penstock.forwarder.model.Bytes.hex;
import static io.penstock.forwarder.model.Bytes.join;
import static io.penstock.forwarder.model.Bytes.mac;
import static io.penstock.forwarder.model.Bytes.put16;
import static io.penstock.forwarder.model.Bytes.put32;
import static io.penstock.forwarder.model.Bytes.slice;
import static io.penstock.forwarder.model.Bytes.u16;
import static io.penstock.forwarder.model.Bytes.u8;
import static io.penstock.forwarder.model.ModelFrames.NOTHING;

import io.penstock.control.config.ListenerConfig;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.config.PortSet;
import io.penstock.control.config.Protocol;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/// All that clients, routers and strangers send to the VIPs of a configuration: connections from the first SYN to the
/// last FIN and whatever does not belong there, fragments in any order, errors, tags, options, damage.
final class RandomTraffic {
    private static final byte[] ROUTER_MAC = mac(0x02_00_00_00_00_feL);
    private static final int[] USUAL_FLAGS = {2, 2, 16, 16, 24, 24, 24, 24, 17, 25, 4, 20, 18, 0};

    /// An address family's clients, with their counterparts at the VIPs.
    @SuppressWarnings("ArrayRecordComponent") // Never compared.
    private record Peer(byte[] client, int clientPort, byte[] vip, int vipPort, int protocol) {
        boolean isV6() {
            return client.length == 16;
        }
    }

    private final SplittableRandom random;
    private final byte[] localMac;
    private final byte[] local4;
    private final byte[] local6;
    private final List<byte[]> vips = new ArrayList<>();
    private final List<ListenerConfig> listeners;
    private final List<Peer> recent = new ArrayList<>();
    private final ArrayDeque<byte[]> queue = new ArrayDeque<>();

    RandomTraffic(PenstockConfig config, SplittableRandom random) {
        this.random = random;
        listeners = config.listeners();
        localMac = mac(config.replay().localMac());
        local4 = config.replay().localAddress().getAddress();
        local6 = config.replay().localAddress6().getAddress();
        listeners.forEach(listener -> listener.vips().forEach(vip -> vips.add(vip.getAddress())));
    }

    /// {@return how long until the next frame}
    int ticks() {
        int kind = random.nextInt(1000);
        if (kind < 970) {
            return random.nextInt(2);
        }
        return kind < 999 ? random.nextInt(60) : random.nextInt(1 + random.nextInt(20_000));
    }

    /// {@return the next frame}
    byte[] frame() {
        if (!queue.isEmpty() && random.nextInt(3) > 0) {
            return queue.remove();
        }
        byte[] frame = fresh();
        if (random.nextInt(12) == 0) {
            frame = join(frame, new byte[random.nextInt(20)]);
        }
        return random.nextInt(25) == 0 ? damaged(frame) : frame;
    }

    private byte[] fresh() {
        return switch (random.nextInt(40)) {
            case 0, 1 -> fragmented();
            case 2 -> arp();
            case 3 -> solicitation();
            case 4 -> echo();
            case 5, 6 -> error();
            case 7 -> tunnelError();
            case 8 -> other();
            default -> {
                Peer peer = peer();
                yield frame(peer, transport(peer));
            }
        };
    }

    // Peers

    private Peer peer() {
        if (!recent.isEmpty() && random.nextInt(100) < 85) {
            return recent.get(random.nextInt(recent.size()));
        }
        Peer peer = newPeer();
        if (recent.size() < 400) {
            recent.add(peer);
        } else {
            recent.set(random.nextInt(recent.size()), peer);
        }
        return peer;
    }

    private Peer newPeer() {
        ListenerConfig listener = listeners.get(random.nextInt(listeners.size()));
        byte[] vip = listener.vips().get(random.nextInt(listener.vips().size())).getAddress();
        int port = random.nextInt(20) == 0 ? random.nextInt(65_536) : port(listener.ports());
        boolean isTcp = (listener.protocol() == Protocol.TCP) != (random.nextInt(30) == 0);
        if (random.nextInt(40) == 0) {
            vip[vip.length - 1] ^= 0x55; // nobody's
        }
        int clientPort = random.nextInt(10) == 0 ? random.nextInt(65_536) : 1024 + random.nextInt(200);
        return new Peer(client(vip.length == 16), clientPort, vip, port, isTcp ? 6 : 17);
    }

    private int port(PortSet ports) {
        PortSet.Range range = ports.ranges().get(random.nextInt(ports.ranges().size()));
        return range.first() + random.nextInt(range.last() - range.first() + 1);
    }

    private byte[] client(boolean isV6) {
        if (random.nextInt(100) == 0) {
            return isV6
                    ? fromHex(
                            random.nextBoolean()
                                    ? "ff020000000000000000000000000001"
                                    : "0".repeat(31) + random.nextInt(2))
                    : fromHex(new String[] {"7f000001", "00000000", "e0000001", "ffffffff", "f0000001"}
                            [random.nextInt(5)]);
        }
        if (random.nextInt(300) == 0) {
            byte[] vip = vips.get(random.nextInt(vips.size()));
            if ((vip.length == 16) == isV6) {
                return vip.clone();
            }
        }
        byte[] client = fromHex(isV6 ? "20010db8000100000000000000000000" : "c6336400");
        client[client.length - 1] = (byte) (1 + random.nextInt(30));
        client[client.length - 2] ^= (byte) random.nextInt(3);
        return client;
    }

    // Packets

    private byte[] data(int most) {
        byte[] data = new byte[random.nextInt(most + 1)];
        random.nextBytes(data);
        return data;
    }

    private byte[] transport(Peer peer) {
        int size = random.nextInt(20);
        byte[] data = data(size == 0 ? 8_000 : size < 3 ? 1_700 : 80);
        byte[] segment = peer.protocol == 6 ? segment(peer, data) : datagram(peer, data);
        if (random.nextInt(15) == 0) {
            put16(segment, peer.protocol == 6 ? 16 : 6, random.nextInt(65_536)); // a wrong sum is the backend's matter
        }
        return segment;
    }

    private byte[] segment(Peer peer, byte[] data) {
        int flags = random.nextInt(40) == 0 ? random.nextInt(256) : USUAL_FLAGS[random.nextInt(USUAL_FLAGS.length)];
        return ModelFrames.tcp(
                peer.client,
                peer.vip,
                peer.clientPort,
                peer.vipPort,
                random.nextInt(),
                random.nextInt(),
                flags,
                random.nextInt(65_536),
                tcpOptions((flags & 2) != 0),
                data);
    }

    private byte[] tcpOptions(boolean isSyn) {
        int kind = random.nextInt(isSyn ? 6 : 40);
        byte[] mss = {2, 4, (byte) random.nextInt(12), (byte) random.nextInt(256)};
        return switch (kind) {
            case 0 -> mss;
            case 1 -> join(new byte[] {1}, mss, new byte[] {3, 3, 7});
            case 2 -> join(new byte[] {4, 2, 8, 10}, data(0), new byte[8], mss);
            case 3 -> {
                byte[] noise = new byte[4 * random.nextInt(11)];
                random.nextBytes(noise);
                yield noise;
            }
            default -> NOTHING;
        };
    }

    private byte[] datagram(Peer peer, byte[] data) {
        return ModelFrames.udp(
                peer.client, peer.vip, peer.clientPort, peer.vipPort, peer.isV6() || random.nextBoolean(), data);
    }

    private byte[] frame(Peer peer, byte[] payload) {
        return ethernet(
                peer.isV6(),
                peer.isV6() ? packet6(peer, peer.protocol, payload) : packet4(peer, peer.protocol, payload));
    }

    private byte[] ethernet(boolean isV6, byte[] packet) {
        return ethernet(isV6 ? 0x86dd : 0x0800, packet);
    }

    private byte[] ethernet(int type, byte[] payload) {
        byte[] tag =
                random.nextInt(5) == 0 ? join(fromHex("8100"), put16(new byte[2], 0, random.nextInt(65_536))) : NOTHING;
        byte[] destination = localMac.clone();
        byte[] source = ROUTER_MAC.clone();
        if (random.nextInt(100) == 0) {
            (random.nextBoolean() ? destination : source)[0] |= 1;
        }
        return ModelFrames.ethernet(destination, source, tag, type, payload);
    }

    private int ttl() {
        return random.nextInt(30) == 0 ? random.nextInt(3) : 2 + random.nextInt(254);
    }

    private byte[] packet4(Peer peer, int protocol, byte[] payload) {
        int flags = random.nextBoolean() ? 0x4000 : 0;
        return ModelFrames.ip4(
                peer.client,
                peer.vip,
                protocol,
                random.nextInt(256),
                random.nextInt(65_536),
                flags,
                ttl(),
                ipOptions(),
                payload);
    }

    private byte[] ipOptions() {
        return switch (random.nextInt(12)) {
            case 0 -> fromHex("94040000"); // router alert, copied
            case 1 -> fromHex("0107040000940400000000ff").clone();
            default -> NOTHING;
        };
    }

    private byte[] packet6(Peer peer, int protocol, byte[] payload) {
        int next = protocol;
        byte[] chain = payload;
        while (random.nextInt(8) == 0) {
            byte[] header = new byte[8 * (1 + random.nextInt(3))];
            random.nextBytes(header);
            header[0] = (byte) next;
            header[1] = (byte) (header.length / 8 - 1);
            next = new int[] {0, 43, 60, 60}[random.nextInt(4)];
            chain = join(header, chain);
        }
        return ModelFrames.ip6(peer.client, peer.vip, next, random.nextInt(256), random.nextInt(1 << 20), ttl(), chain);
    }

    // Fragments

    /// Cuts a packet up, queues most of the pieces in some order and returns one.
    private byte[] fragmented() {
        Peer peer = peer();
        byte[] payload = peer.protocol == 6 ? segment(peer, data(3_000)) : datagram(peer, data(3_000));
        int id = random.nextInt(65_536);
        int unit = 8 * (5 + random.nextInt(180));
        List<byte[]> pieces = new ArrayList<>();
        for (int from = 0; from < payload.length; from += unit) {
            byte[] piece = slice(payload, from, Math.min(payload.length, from + unit));
            boolean more = from + unit < payload.length;
            pieces.add(ethernet(
                    peer.isV6(),
                    peer.isV6() ? piece6(peer, id, from, more, piece) : piece4(peer, id, from, more, piece)));
        }
        if (random.nextBoolean()) {
            java.util.Collections.shuffle(pieces, new java.util.Random(random.nextLong()));
        }
        pieces.removeIf(_ -> random.nextInt(15) == 0);
        queue.addAll(pieces);
        return queue.isEmpty() ? fresh() : queue.remove();
    }

    private byte[] piece4(Peer peer, int id, int from, boolean more, byte[] piece) {
        int df = random.nextInt(20) == 0 ? 0x4000 : 0;
        return ModelFrames.ip4(
                peer.client,
                peer.vip,
                peer.protocol,
                0,
                id,
                df | (more ? 0x2000 : 0) | from / 8,
                ttl(),
                ipOptions(),
                piece);
    }

    private byte[] piece6(Peer peer, int id, int from, boolean more, byte[] piece) {
        byte[] header = new byte[8];
        header[0] = (byte) peer.protocol;
        put16(header, 2, from | (more ? 1 : 0));
        put32(header, 4, id);
        return ModelFrames.ip6(peer.client, peer.vip, 44, 0, 0, ttl(), join(header, piece));
    }

    // ARP, ND

    private byte[] arp() {
        byte[] vip = vip(false);
        byte[] sender = random.nextInt(5) == 0 ? (random.nextBoolean() ? vip : new byte[4]) : client(false);
        byte[] target = random.nextInt(5) == 0 ? client(false) : vip;
        byte[] arp = ModelFrames.arp(random.nextInt(10) == 0 ? 2 : 1, ROUTER_MAC, sender, new byte[6], target);
        return ethernet(0x0806, arp);
    }

    private byte[] vip(boolean isV6) {
        List<byte[]> family =
                vips.stream().filter(vip -> (vip.length == 16) == isV6).toList();
        return family.get(random.nextInt(family.size())).clone();
    }

    private byte[] solicitation() {
        byte[] target = random.nextInt(6) == 0 ? client(true) : vip(true);
        boolean isProbe = random.nextInt(5) == 0;
        byte[] asker = isProbe ? new byte[16] : client(true);
        byte[] to = fromHex("ff0200000000000000000001ff000000");
        System.arraycopy(target, 13, to, 13, 3);
        if (random.nextInt(6) == 0) {
            to = target;
        }
        byte[] option = random.nextInt(3) > 0 && !isProbe ? join(new byte[] {1, 1}, ROUTER_MAC) : data(9);
        int type = random.nextInt(6) == 0 ? 136 : 135;
        byte[] message = ModelFrames.icmp6(asker, to, type, 0, 0, join(target, option));
        int hopLimit = random.nextInt(10) == 0 ? 64 : 255;
        return ethernet(0x86dd, ModelFrames.ip6(asker, to, 58, 0, 0, hopLimit, message));
    }

    // ICMP

    private byte[] echo() {
        boolean isV6 = random.nextBoolean();
        Peer peer = new Peer(client(isV6), 0, vip(isV6), 0, isV6 ? 58 : 1);
        int type = random.nextInt(8) == 0 ? random.nextInt(256) : isV6 ? 128 : 8;
        byte[] data = data(100);
        int code = random.nextInt(12) == 0 ? 1 : 0;
        byte[] message = isV6
                ? ModelFrames.icmp6(peer.client, peer.vip, type, code, random.nextInt(), data)
                : ModelFrames.icmp(type, code, random.nextInt(), data, 0);
        return frame(peer, message);
    }

    /// A router's error about what a backend sent to its client.
    private byte[] error() {
        Peer peer = peer();
        byte[] quoted = peer.isV6()
                ? ModelFrames.ip6(peer.vip, peer.client, peer.protocol, 0, 0, 50, backwards(peer))
                : ModelFrames.ip4(peer.vip, peer.client, peer.protocol, 0, 7, 0x4000, 50, ipOptions(), backwards(peer));
        Peer router = new Peer(client(peer.isV6()), 0, peer.vip, 0, peer.isV6() ? 58 : 1);
        byte[] cut = slice(quoted, 0, random.nextInt(4) == 0 ? random.nextInt(quoted.length + 1) : quoted.length);
        return frame(router, errorMessage(router, cut, 1_400));
    }

    private byte[] backwards(Peer peer) {
        byte[] data = random.nextBoolean() ? NOTHING : data(60);
        byte[] transport = peer.protocol == 6
                ? ModelFrames.tcp(peer.vip, peer.client, peer.vipPort, peer.clientPort, 1, 2, 16, 3, NOTHING, data)
                : ModelFrames.udp(peer.vip, peer.client, peer.vipPort, peer.clientPort, true, data);
        return random.nextBoolean() ? slice(transport, 0, 8) : transport;
    }

    private byte[] errorMessage(Peer router, byte[] quote, int mtu) {
        byte[] message = router.isV6()
                ? ModelFrames.icmp6(router.client, router.vip, 1 + random.nextInt(4), random.nextInt(3), mtu, quote)
                : ModelFrames.icmp(new int[] {3, 3, 11, 12, 5}[random.nextInt(5)], random.nextInt(6), mtu, quote, 0);
        if (random.nextInt(15) == 0) {
            message[2] ^= 1;
        }
        return message;
    }

    /// A router's error about an outer packet of ours.
    private byte[] tunnelError() {
        ListenerConfig listener = listeners.get(random.nextInt(listeners.size()));
        byte[] backend = listener.backends()
                .get(random.nextInt(listener.backends().size()))
                .address()
                .getAddress();
        boolean isV6 = backend.length == 16;
        byte[] us = isV6 ? local6 : local4;
        Peer peer = peer();
        byte[] inner = peer.isV6()
                ? ModelFrames.ip6(peer.client, peer.vip, peer.protocol, 0, 0, 60, transport(peer))
                : ModelFrames.ip4(peer.client, peer.vip, peer.protocol, 0, 9, 0x4000, 60, NOTHING, transport(peer));
        int tunnel = random.nextInt(3);
        byte[] payload = switch (tunnel) {
            case 0 -> inner;
            case 1 -> ModelFrames.udp(us, backend, 0xc001, 6080, isV6, inner);
            default -> join(fromHex(peer.isV6() ? "000086dd" : "00000800"), inner);
        };
        int protocol = tunnel == 0 ? (peer.isV6() ? 41 : 4) : tunnel == 1 ? 17 : 47;
        byte[] outer = isV6
                ? ModelFrames.ip6(us, backend, protocol, 0, 1, 60, payload)
                : ModelFrames.ip4(us, backend, protocol, 0, 0, 0x4000, 60, NOTHING, payload);
        int most = random.nextInt(3) == 0 ? 28 + random.nextInt(80) : 1_200;
        byte[] quote = slice(outer, 0, Math.min(outer.length, most));
        byte[] to = random.nextInt(10) == 0 ? client(isV6) : us;
        Peer router = new Peer(client(isV6), 0, to, 0, isV6 ? 58 : 1);
        int mtu = random.nextInt(8) == 0 ? 0 : 500 + random.nextInt(1_100);
        byte[] message;
        if (random.nextInt(3) == 0) {
            message = errorMessage(router, quote, mtu);
        } else {
            message = isV6
                    ? ModelFrames.icmp6(router.client, router.vip, 2, 0, mtu, quote)
                    : ModelFrames.icmp(3, 4, mtu, quote, 0);
        }
        return frame(router, message);
    }

    // The rest

    private byte[] other() {
        Peer peer = peer();
        return switch (random.nextInt(4)) {
            case 0 -> ethernet(random.nextInt(65_536), data(60));
            case 1 -> frame(new Peer(peer.client, 0, peer.vip, 0, random.nextInt(256)), data(60));
            case 2 -> data(70);
            default -> ethernet(0x8100, join(put16(new byte[2], 0, random.nextInt(65_536)), data(60)));
        };
    }

    private byte[] damaged(byte[] frame) {
        byte[] damaged = frame.clone();
        if (damaged.length == 0 || random.nextInt(4) == 0) {
            return Arrays.copyOf(damaged, random.nextInt(damaged.length + 1));
        }
        for (int i = 1 + random.nextInt(3); i > 0; i--) {
            int at = random.nextInt(Math.min(damaged.length, random.nextBoolean() ? 40 : 120));
            damaged[at] = (byte) (random.nextBoolean() ? random.nextInt(256) : damaged[at] ^ (1 << random.nextInt(8)));
        }
        if (random.nextInt(3) > 0
                && damaged.length >= 34
                && hex(slice(damaged, 12, 14)).equals("0800")) {
            mendHeader(damaged);
        }
        return damaged;
    }

    /// Makes an IPv4 header's sum right again, so that the damage reaches what lies behind it.
    private static void mendHeader(byte[] frame) {
        int headerLength = Math.min(Math.max((u8(frame, 14) & 0xf) * 4, 20), frame.length - 14);
        put16(frame, 24, 0);
        put16(frame, 24, Bytes.checksum(Bytes.sum(slice(frame, 14, 14 + headerLength))));
        assert u16(frame, 12) == 0x0800;
    }
}
