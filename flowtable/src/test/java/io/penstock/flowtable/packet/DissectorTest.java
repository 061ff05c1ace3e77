package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.Packets.CLIENT;
import static io.penstock.flowtable.packet.Packets.CLIENT6;
import static io.penstock.flowtable.packet.Packets.CLIENT_MAC;
import static io.penstock.flowtable.packet.Packets.VIP;
import static io.penstock.flowtable.packet.Packets.VIP6;
import static io.penstock.flowtable.packet.Packets.frame;
import static io.penstock.flowtable.packet.Packets.hex;
import static io.penstock.flowtable.packet.Packets.icmp4;
import static io.penstock.flowtable.packet.Packets.icmp6;
import static io.penstock.flowtable.packet.Packets.ipv4;
import static io.penstock.flowtable.packet.Packets.ipv6;
import static io.penstock.flowtable.packet.Packets.mac;
import static io.penstock.flowtable.packet.Packets.pattern;
import static io.penstock.flowtable.packet.Packets.taggedFrame;
import static io.penstock.flowtable.packet.Packets.tcp;
import static io.penstock.flowtable.packet.Packets.with8;
import static io.penstock.flowtable.packet.Packets.zeros;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// What every writer makes, read by tshark: nothing malformed, no checksum wrong.
@Tag("slow")
class DissectorTest {
    private static final Path CAPTURE = Path.of("target", "packet-writers.pcap");
    private static final long OUR_MAC = mac(Packets.OUR_MAC);

    private static List<byte[]> flowFrames() {
        List<byte[]> frames = new ArrayList<>();
        for (int data : new int[] {0, 1, 9, 1200}) {
            for (byte[] packet : new byte[][] {
                Packets.tcp4(0x18, pattern(data)),
                Packets.tcp6(0x18, pattern(data)),
                Packets.udp4(pattern(data)),
                Packets.udp6(pattern(data)),
                ipv4(CLIENT, VIP, 6, tcp(CLIENT, VIP, 40000, 443, 2, hex("020405b40101 0402"), zeros(0))),
                ipv6(CLIENT6, VIP6, 6, tcp(CLIENT6, VIP6, 40000, 443, 2, hex("01020405b4010402"), zeros(0)))
            }) {
                frames.add(frame(packet));
                frames.add(taggedFrame(0x2005, packet));
            }
        }
        return frames;
    }

    private static void addFlowFrames(List<byte[]> out, byte[] frame) {
        FrameRoom room = new FrameRoom(frame);
        int l3Offset = room.parsed.l3Offset(0);
        if (room.kind() == PacketKind.FLOW4) {
            DirectRewriter.rewrite4(room.memory, room.offset, l3Offset, mac(CLIENT_MAC), OUR_MAC);
        } else {
            DirectRewriter.rewrite6(room.memory, room.offset, l3Offset, mac(CLIENT_MAC), OUR_MAC);
        }
        out.add(room.frame());
        if (room.parsed.tcpFlags(0) == TcpView.SYN) {
            assertTrue(MssClamp.clamp(room.memory, room.offset + room.parsed.l4Offset(0), 1200));
            out.add(room.frame());
        }
        for (int tunnel = Encapsulator.IPIP; tunnel <= Encapsulator.GRE; tunnel++) {
            out.add(EncapsulatorTest.encapsulated(new FrameRoom(frame), tunnel, false, -1));
            out.add(EncapsulatorTest.encapsulated(new FrameRoom(frame), tunnel, true, -1));
        }
        room = new FrameRoom(frame);
        if (ResetWriter.reset(room.memory, room.offset, room.parsed, 0, room.reply)) {
            out.add(room.replyFrame());
        }
        room = new FrameRoom(frame);
        assertTrue(TooBigWriter.reply(room.memory, room.offset, room.parsed, 0, 1400, room.reply));
        out.add(room.replyFrame());
    }

    private static void addAnswers(List<byte[]> out) {
        for (byte[] packet : new byte[][] {
            ipv4(CLIENT, VIP, 1, icmp4(8, 0, 0x10001, pattern(56))),
            ipv4(CLIENT, VIP, 1, icmp4(8, 0, 0, zeros(8))),
            ipv6(CLIENT6, VIP6, 58, icmp6(CLIENT6, VIP6, 128, 0, 0x10001, pattern(56)))
        }) {
            FrameRoom room = new FrameRoom(frame(packet));
            assertTrue(EchoWriter.reply(room.memory, room.offset, room.parsed, 0, room.reply));
            out.add(room.replyFrame());
        }
        byte[] arp = Packets.ethernet(0x0806, Packets.arp(1, CLIENT_MAC, CLIENT, zeros(6), VIP));
        FrameRoom room = new FrameRoom(arp);
        assertTrue(ArpWriter.reply(room.memory, room.offset, room.parsed, 0, OUR_MAC, room.reply));
        out.add(room.replyFrame());
        ArpWriter.announce(room.memory, room.offset, EthernetView.NO_TAG, 0xcb00710a, OUR_MAC, room.reply);
        out.add(room.replyFrame());

        byte[] solicitedNode = hex("ff0200000000000000000001ff00000a");
        for (byte[] asker : new byte[][] {CLIENT6, zeros(16)}) {
            byte[] message = icmp6(asker, solicitedNode, 135, 0, 0, VIP6);
            room = new FrameRoom(frame(with8(ipv6(asker, solicitedNode, 58, message), 7, 255)));
            assertTrue(NeighbourWriter.isSolicitation(room.memory, room.offset, room.parsed, 0));
            assertTrue(NeighbourWriter.reply(room.memory, room.offset, room.parsed, 0, OUR_MAC, room.reply));
            out.add(room.replyFrame());
        }
        room = new FrameRoom(zeros(NeighbourWriter.ANNOUNCEMENT_LENGTH));
        NeighbourWriter.announce(
                room.memory, room.offset, EthernetView.NO_TAG, 0x20010db8000a0000L, 0xaL, OUR_MAC, room.reply);
        out.add(room.replyFrame());
    }

    private static void write(List<byte[]> frames) throws IOException {
        ByteArrayOutputStream capture = new ByteArrayOutputStream();
        ByteBuffer header = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
        header.putInt(0xa1b2c3d4)
                .putShort((short) 2)
                .putShort((short) 4)
                .putLong(0)
                .putInt(0xffff)
                .putInt(1);
        capture.write(header.array());
        for (int i = 0; i < frames.size(); i++) {
            ByteBuffer record = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
            int length = frames.get(i).length;
            capture.write(
                    record.putInt(i).putInt(0).putInt(length).putInt(length).array());
            capture.write(frames.get(i));
        }
        Files.createDirectories(CAPTURE.getParent());
        Files.write(CAPTURE, capture.toByteArray());
    }

    private static List<String> tshark(String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("tshark", "-n", "-r", CAPTURE.toString()));
        command.addAll(List.of(arguments));
        for (String checked : new String[] {"ip", "tcp", "udp"}) {
            command.addAll(List.of("-o", checked + ".check_checksum:TRUE"));
        }
        Path output = Files.createTempFile("tshark", ".txt");
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(false)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .redirectOutput(output.toFile())
                    .start();
            assertTrue(process.waitFor(60, TimeUnit.SECONDS), "tshark took more than a minute");
            assertEquals(0, process.exitValue());
            return Files.readAllLines(output);
        } finally {
            Files.delete(output);
        }
    }

    private static boolean isInstalled() {
        try {
            return new ProcessBuilder("tshark", "--version")
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .redirectError(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException | InterruptedException e) {
            return false;
        }
    }

    @Test
    void shouldLeaveNothingForTsharkToComplainAbout() throws Exception {
        List<byte[]> out = new ArrayList<>();
        for (byte[] frame : flowFrames()) {
            addFlowFrames(out, frame);
        }
        addAnswers(out);
        write(out);
        assumeTrue(isInstalled(), "tshark is not installed: apt-get install tshark");

        String guePort = "udp.port==" + Encapsulator.GUE_PORT;
        List<String> all = tshark("-T", "fields", "-e", "frame.protocols");
        assertEquals(out.size(), all.size(), "frames read back");
        // The data is no DNS, and what a quote cuts short has no checksum that could be right.
        List<String> complaints = tshark(
                "--disable-protocol",
                "dns",
                "-d",
                guePort + ",ip",
                "-Y",
                "_ws.malformed || ip.checksum.status == 0"
                        + " || icmp.checksum.status == 0 || icmpv6.checksum.status == 0"
                        + " || ((udp.checksum.status == 0 || tcp.checksum.status == 0)"
                        + " && !(icmp.type == 3) && !(icmpv6.type == 2))");
        assertEquals(List.of(), complaints);
        assertTrue(
                tshark("-Y", "icmp.checksum.status == 1 || icmpv6.checksum.status == 1")
                                .size()
                        > 40,
                "checksums are looked at");
    }
}
