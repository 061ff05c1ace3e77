package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.Packets.CLIENT;
import static io.penstock.flowtable.packet.Packets.CLIENT6;
import static io.penstock.flowtable.packet.Packets.CLIENT_MAC;
import static io.penstock.flowtable.packet.Packets.VIP;
import static io.penstock.flowtable.packet.Packets.VIP6;
import static io.penstock.flowtable.packet.Packets.extension;
import static io.penstock.flowtable.packet.Packets.fragmentHeader;
import static io.penstock.flowtable.packet.Packets.frame;
import static io.penstock.flowtable.packet.Packets.ipv4;
import static io.penstock.flowtable.packet.Packets.ipv6;
import static io.penstock.flowtable.packet.Packets.join;
import static io.penstock.flowtable.packet.Packets.tagged;
import static io.penstock.flowtable.packet.Packets.taggedFrame;
import static io.penstock.flowtable.packet.Packets.zeros;

import java.util.Arrays;
import java.util.Random;

/// Frames of every kind that the packet path meets, most of them right, some damaged.
final class RandomFrames {
    private RandomFrames() {}

    /// A frame, damaged in one of four cases.
    static byte[] next(Random random) {
        byte[] frame = whole(random);
        return random.nextInt(4) == 0 ? damaged(random, frame) : frame;
    }

    /// A frame as a correct sender makes it.
    static byte[] whole(Random random) {
        byte[] frame = untouched(random);
        return random.nextInt(3) == 0 ? join(frame, zeros(random.nextInt(12))) : frame;
    }

    private static byte[] untouched(Random random) {
        int kind = random.nextInt(20);
        if (kind == 0) {
            byte[] arp =
                    Packets.arp(random.nextInt(4), CLIENT_MAC, random.nextBoolean() ? CLIENT : zeros(4), zeros(6), VIP);
            return random.nextBoolean() ? Packets.ethernet(0x0806, arp) : tagged(7, 0x0806, arp);
        }
        if (kind == 1) {
            return random.nextBoolean()
                    ? Packets.ethernet(random.nextInt(0x10000), data(random, 60))
                    : tagged(random.nextInt(0x10000), random.nextInt(0x10000), data(random, 60));
        }
        byte[] packet = random.nextBoolean() ? packet4(random) : packet6(random);
        return random.nextInt(3) == 0 ? taggedFrame(random.nextInt(0x10000), packet) : frame(packet);
    }

    static byte[] packet4(Random random) {
        int protocol = protocol(random, 1);
        byte[] options = random.nextInt(4) == 0 ? data4(random, 10) : zeros(0);
        byte[] payload = upper(random, CLIENT, VIP, protocol);
        int flags = random.nextBoolean() ? 0x4000 : 0;
        if (random.nextInt(5) == 0) {
            boolean more = random.nextBoolean();
            int offset = random.nextBoolean() ? 0 : random.nextInt(0x2000);
            flags = (more ? 0x2000 : 0) | offset;
            payload = more ? Arrays.copyOf(payload, (payload.length + 7) / 8 * 8) : payload;
        }
        return ipv4(
                CLIENT,
                VIP,
                protocol,
                payload,
                random.nextInt(256),
                random.nextInt(256),
                flags,
                random.nextInt(0x10000),
                options);
    }

    static byte[] packet6(Random random) {
        int protocol = protocol(random, 58);
        byte[] payload = upper(random, CLIENT6, VIP6, protocol);
        int next = protocol;
        while (random.nextInt(3) == 0) {
            int header = new int[] {0, 43, 60, 44}[random.nextInt(4)];
            if (header == 44) {
                boolean more = random.nextBoolean();
                int offset = random.nextBoolean() ? 0 : random.nextInt(0x2000) * 8;
                payload = more ? Arrays.copyOf(payload, (payload.length + 7) / 8 * 8) : payload;
                payload = join(fragmentHeader(next, offset, more, random.nextInt()), payload);
            } else {
                payload = join(extension(next, 1 + random.nextInt(3)), payload);
            }
            next = header;
        }
        return ipv6(CLIENT6, VIP6, next, payload);
    }

    private static int protocol(Random random, int icmp) {
        int choice = random.nextInt(12);
        return choice < 5 ? 6 : choice < 9 ? 17 : choice < 11 ? icmp : random.nextInt(256);
    }

    private static byte[] upper(Random random, byte[] source, byte[] destination, int protocol) {
        int from = random.nextInt(0x10000);
        int to = random.nextInt(0x10000);
        byte[] data = data(random, random.nextInt(20) == 0 ? 1600 : 100);
        return switch (protocol) {
            case 6 -> Packets.tcp(source, destination, from, to, random.nextInt(256), data4(random, 10), data);
            case 17 -> Packets.udp(source, destination, from, to, data);
            case 1 -> Packets.icmp4(icmpType4(random), random.nextInt(5), random.nextInt(), data);
            case 58 -> Packets.icmp6(source, destination, icmpType6(random), random.nextInt(3), random.nextInt(), data);
            default -> data;
        };
    }

    private static int icmpType4(Random random) {
        return random.nextBoolean() ? 8 : random.nextInt(20);
    }

    private static int icmpType6(Random random) {
        return random.nextBoolean() ? 128 : random.nextInt(140);
    }

    private static byte[] data(Random random, int most) {
        byte[] bytes = new byte[random.nextInt(most + 1)];
        random.nextBytes(bytes);
        return bytes;
    }

    private static byte[] data4(Random random, int words) {
        byte[] bytes = new byte[4 * random.nextInt(words + 1)];
        random.nextBytes(bytes);
        return bytes;
    }

    private static byte[] damaged(Random random, byte[] frame) {
        byte[] copy = frame.clone();
        if (random.nextInt(3) == 0) {
            return Arrays.copyOf(copy, random.nextInt(copy.length + 1));
        }
        for (int i = 1 + random.nextInt(3); i > 0 && copy.length > 0; i--) {
            // Mostly in the headers, where damage means something.
            int at = random.nextInt(Math.min(copy.length, random.nextBoolean() ? 40 : 80));
            copy[at] = (byte) random.nextInt(256);
        }
        if (random.nextBoolean() && copy.length >= 34 && copy[12] == 8 && copy[13] == 0) {
            // Past the header checksum, to reach what lies behind it.
            int header = Math.min(Math.max((copy[14] & 0xf) * 4, 20), copy.length - 14);
            copy = Packets.with16(copy, 24, 0);
            copy = Packets.with16(copy, 24, Packets.checksum(Arrays.copyOfRange(copy, 14, 14 + header)));
        }
        return copy;
    }
}
