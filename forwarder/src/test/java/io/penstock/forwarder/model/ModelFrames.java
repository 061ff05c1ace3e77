package io.penstock.forwarder.model;

import static io.penstock.forwarder.model.Bytes.checksum;
import static io.penstock.forwarder.model.Bytes.join;
import static io.penstock.forwarder.model.Bytes.put16;
import static io.penstock.forwarder.model.Bytes.put32;
import static io.penstock.forwarder.model.Bytes.slice;
import static io.penstock.forwarder.model.Bytes.sum;

/// Headers and messages, written from their drawings in the RFCs.
final class ModelFrames {
    static final byte[] NOTHING = new byte[0];

    private ModelFrames() {}

    static byte[] ethernet(byte[] destination, byte[] source, byte[] tag, int type, byte[] payload) {
        return join(destination, source, tag, new byte[] {(byte) (type >>> 8), (byte) type}, payload);
    }

    /// {@return the frame that answers `asked`, with MAC addresses swapped and the tag kept}
    static byte[] back(ModelPacket asked, int type, byte[] payload) {
        return ethernet(slice(asked.frame, 6, 12), slice(asked.frame, 0, 6), asked.tag(), type, payload);
    }

    static byte[] ip4(
            byte[] source,
            byte[] destination,
            int protocol,
            int trafficClass,
            int id,
            int flagsAndOffset,
            int ttl,
            byte[] options,
            byte[] payload) {
        byte[] header = new byte[20 + options.length];
        header[0] = (byte) (0x40 | header.length / 4);
        header[1] = (byte) trafficClass;
        put16(header, 2, header.length + payload.length);
        put16(header, 4, id);
        put16(header, 6, flagsAndOffset);
        header[8] = (byte) ttl;
        header[9] = (byte) protocol;
        System.arraycopy(source, 0, header, 12, 4);
        System.arraycopy(destination, 0, header, 16, 4);
        System.arraycopy(options, 0, header, 20, options.length);
        put16(header, 10, checksum(sum(header)));
        return join(header, payload);
    }

    static byte[] ip6(
            byte[] source,
            byte[] destination,
            int nextHeader,
            int trafficClass,
            int label,
            int hopLimit,
            byte[] payload) {
        byte[] header = new byte[40];
        put32(header, 0, (6 << 28) | (trafficClass << 20) | label);
        put16(header, 4, payload.length);
        header[6] = (byte) nextHeader;
        header[7] = (byte) hopLimit;
        System.arraycopy(source, 0, header, 8, 16);
        System.arraycopy(destination, 0, header, 24, 16);
        return join(header, payload);
    }

    static long pseudoHeader(byte[] source, byte[] destination, int protocol, int length) {
        return sum(source) + sum(destination) + protocol + length;
    }

    static byte[] tcp(
            byte[] source,
            byte[] destination,
            int sourcePort,
            int destinationPort,
            int sequence,
            int acknowledgment,
            int flags,
            int window,
            byte[] options,
            byte[] data) {
        byte[] header = new byte[20 + options.length];
        put16(header, 0, sourcePort);
        put16(header, 2, destinationPort);
        put32(header, 4, sequence);
        put32(header, 8, acknowledgment);
        header[12] = (byte) ((header.length / 4) << 4);
        header[13] = (byte) flags;
        put16(header, 14, window);
        System.arraycopy(options, 0, header, 20, options.length);
        byte[] segment = join(header, data);
        return put16(
                segment,
                16,
                checksum(pseudoHeader(source, destination, ModelPacket.TCP, segment.length) + sum(segment)));
    }

    static byte[] udp(
            byte[] source, byte[] destination, int sourcePort, int destinationPort, boolean hasChecksum, byte[] data) {
        byte[] header = new byte[8];
        put16(header, 0, sourcePort);
        put16(header, 2, destinationPort);
        put16(header, 4, 8 + data.length);
        byte[] datagram = join(header, data);
        if (hasChecksum) {
            int sum = checksum(pseudoHeader(source, destination, ModelPacket.UDP, datagram.length) + sum(datagram));
            put16(datagram, 6, sum == 0 ? 0xffff : sum);
        }
        return datagram;
    }

    /// @param pseudoHeader 0 for ICMP
    static byte[] icmp(int type, int code, int rest, byte[] data, long pseudoHeader) {
        byte[] header = new byte[8];
        header[0] = (byte) type;
        header[1] = (byte) code;
        put32(header, 4, rest);
        byte[] message = join(header, data);
        return put16(message, 2, checksum(pseudoHeader + sum(message)));
    }

    static byte[] icmp6(byte[] source, byte[] destination, int type, int code, int rest, byte[] data) {
        return icmp(type, code, rest, data, pseudoHeader(source, destination, 58, 8 + data.length));
    }

    static byte[] arp(int operation, byte[] senderMac, byte[] sender, byte[] targetMac, byte[] target) {
        byte[] head = {0, 1, 8, 0, 6, 4, 0, (byte) operation};
        return join(head, senderMac, sender, targetMac, target);
    }

    /// {@return a neighbour advertisement's packet}
    static byte[] advertisement(byte[] target, byte[] to, int flags, byte[] mac) {
        byte[] data = join(target, new byte[] {2, 1}, mac);
        return ip6(target, to, 58, 0, 0, 255, icmp6(target, to, 136, 0, flags, data));
    }
}
