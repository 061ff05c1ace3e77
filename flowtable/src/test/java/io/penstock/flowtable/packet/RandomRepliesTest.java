package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.Packets.checksum;
import static io.penstock.flowtable.packet.Packets.hex;
import static io.penstock.flowtable.packet.Packets.mac;
import static io.penstock.flowtable.packet.Packets.pseudoHeader;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/// Every writer over random frames, damaged ones included: nothing is read or written outside the frame and its
/// headroom, and what is sent is a correct packet by [ModelPacket], checksums included, back to its sender.
class RandomRepliesTest {
    private static final long OUR_MAC = mac(Packets.OUR_MAC);

    private final IcmpQuote quote = new IcmpQuote();

    @Test
    void shouldSendOnlyCorrectPackets() {
        Random random = Seed.random("RandomRepliesTest");
        int[] sent = new int[6];
        for (int round = 0; round < 100_000; round++) {
            byte[] frame = RandomFrames.next(random);
            sent[0] += check(frame, reset(frame), 6);
            sent[1] += check(frame, tooBig(frame), -1);
            sent[2] += check(frame, echo(frame), -1);
            sent[3] += arp(frame) ? 1 : 0;
            sent[4] += quoted(frame) ? 1 : 0;
            sent[5] += tunnelled(random, frame) ? 1 : 0;
        }
        for (int i = 0; i < sent.length; i++) {
            assertTrue(sent[i] > 100, "writer " + i + " wrote " + sent[i]);
        }
    }

    private static FrameRoom reset(byte[] frame) {
        FrameRoom room = new FrameRoom(frame, 0);
        if (room.kind() == PacketKind.FLOW4 || room.kind() == PacketKind.FLOW6) {
            ResetWriter.reset(room.memory, room.offset, room.parsed, 0, room.reply);
        }
        return room;
    }

    private static boolean isIp(byte kind) {
        return kind < PacketKind.ARP || kind == PacketKind.OTHER4 || kind == PacketKind.OTHER6;
    }

    private static FrameRoom tooBig(byte[] frame) {
        FrameRoom room = new FrameRoom(frame, IcmpErrorWriter.HEADROOM6);
        if (isIp(room.kind())) {
            TooBigWriter.reply(room.memory, room.offset, room.parsed, 0, 1400, room.reply);
        }
        return room;
    }

    private static FrameRoom echo(byte[] frame) {
        FrameRoom room = new FrameRoom(frame, 0);
        // A damaged request gets an equally damaged reply: only sound ones are of use here.
        if ((room.kind() == PacketKind.ICMP4 || room.kind() == PacketKind.ICMP6) && isSound(frame)) {
            EchoWriter.reply(room.memory, room.offset, room.parsed, 0, room.reply);
        }
        return room;
    }

    private static boolean isSound(byte[] frame) {
        ModelPacket model = new ModelPacket(frame);
        return upperChecksum(frame, model) == 0;
    }

    private static int upperChecksum(byte[] frame, ModelPacket model) {
        byte[] upper = Arrays.copyOfRange(frame, model.l4, model.l3 + model.packetLength);
        return model.protocol == 1
                ? checksum(upper)
                : checksum(
                        pseudoHeader(hex(model.source), hex(model.destination), model.protocol, upper.length), upper);
    }

    /// Checks the reply, if there is one.
    private static int check(byte[] frame, FrameRoom room, int protocol) {
        if (room.reply.length == 0) {
            return 0;
        }
        byte[] reply = room.replyFrame();
        ModelPacket asked = new ModelPacket(frame);
        ModelPacket model = new ModelPacket(reply);
        Supplier<String> text = () -> FrameText.describe(MemorySegment.ofArray(reply), 0, reply.length);
        assertTrue(model.kind <= PacketKind.ICMP6 && model.kind != PacketKind.FRAGMENT4, text);
        assertEquals(reply.length, model.l3 + model.packetLength, text);
        assertEquals(asked.destination, model.source, text);
        assertEquals(asked.source, model.destination, text);
        assertEquals(64, model.ttl, text);
        assertEquals(0, upperChecksum(reply, model), text);
        assertTrue(protocol < 0 || model.protocol == protocol, text);
        assertArrayEquals(Arrays.copyOfRange(frame, 6, 12), Arrays.copyOf(reply, 6), text);
        assertArrayEquals(Arrays.copyOf(frame, 6), Arrays.copyOfRange(reply, 6, 12), text);
        assertArrayEquals( // the tag
                Arrays.copyOfRange(frame, 12, asked.l3 - 2), Arrays.copyOfRange(reply, 12, model.l3 - 2), text);
        return 1;
    }

    private static boolean arp(byte[] frame) {
        FrameRoom room = new FrameRoom(frame, 0);
        return room.kind() == PacketKind.ARP
                && ArpWriter.reply(room.memory, room.offset, room.parsed, 0, OUR_MAC, room.reply);
    }

    private boolean quoted(byte[] frame) {
        FrameRoom room = new FrameRoom(frame, NeighbourWriter.HEADROOM);
        if (room.kind() != PacketKind.ICMP4 && room.kind() != PacketKind.ICMP6) {
            return false;
        }
        boolean isSolicitation = room.kind() == PacketKind.ICMP6
                && NeighbourWriter.isSolicitation(room.memory, room.offset, room.parsed, 0);
        quote.parseFlow(room.memory, room.offset, room.parsed, 0);
        quote.parseTunnel(room.memory, room.offset, room.parsed, 0);
        assertArrayEquals(frame, room.frame(), "reading changes nothing");
        return isSolicitation || room.kind() == PacketKind.ICMP4;
    }

    private static boolean tunnelled(Random random, byte[] frame) {
        FrameRoom room = new FrameRoom(frame, Encapsulator.OVERHEAD_MAX);
        if (!isIp(room.kind())) {
            return false;
        }
        int l3Offset = room.parsed.l3Offset(0);
        int length = room.parsed.packetLength(0);
        boolean outerIsV6 = random.nextBoolean();
        int tunnel = 1 + random.nextInt(3);
        byte[] out = EncapsulatorTest.encapsulated(room, tunnel, outerIsV6, random.nextLong());
        ModelPacket model = new ModelPacket(out);
        assertEquals(
                tunnel == Encapsulator.GUE
                        ? outerIsV6 ? PacketKind.FLOW6 : PacketKind.FLOW4
                        : outerIsV6 ? PacketKind.OTHER6 : PacketKind.OTHER4,
                model.kind);
        assertEquals(out.length, model.l3 + model.packetLength);
        assertArrayEquals(
                Arrays.copyOfRange(frame, l3Offset, l3Offset + length),
                Arrays.copyOfRange(out, out.length - length, out.length));
        if (tunnel == Encapsulator.GUE && outerIsV6) {
            assertEquals(0, upperChecksum(out, model));
        }
        return true;
    }
}
