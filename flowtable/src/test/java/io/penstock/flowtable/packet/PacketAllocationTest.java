package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.Packets.frame;
import static io.penstock.flowtable.packet.Packets.mac;
import static io.penstock.flowtable.packet.Packets.pattern;
import static io.penstock.flowtable.packet.Packets.taggedFrame;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Every reader and writer of the package, over one region outside the heap as ports have it: nothing is allocated.
class PacketAllocationTest {
    private static final int ROOM = 4096;

    private final ParsedBatch parsed = new ParsedBatch(1);
    private final ReplyFrame reply = new ReplyFrame();
    private final IcmpQuote quote = new IcmpQuote();
    private final long ourMac = mac(Packets.OUR_MAC);
    private int sent;

    private static List<byte[]> frames() {
        Random random = new Random(1);
        List<byte[]> frames = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            frames.add(RandomFrames.next(random));
        }
        byte[] packet = Packets.tcp4(2, pattern(100));
        frames.add(frame(packet));
        frames.add(taggedFrame(1, Packets.tcp6(2, pattern(100))));
        byte[] tunnel = EncapsulatorTest.expected(packet, Encapsulator.GUE, false, -1, -1);
        byte[] quoted = java.util.Arrays.copyOfRange(tunnel, 14, tunnel.length);
        frames.add(frame(Packets.ipv4(Packets.CLIENT, Packets.VIP, 1, Packets.icmp4(3, 4, 1400, quoted))));
        frames.add(frame(Packets.ipv4(Packets.CLIENT, Packets.VIP, 1, Packets.icmp4(8, 0, 1, pattern(8)))));
        frames.add(Packets.ethernet(
                0x0806, Packets.arp(1, Packets.CLIENT_MAC, Packets.CLIENT, Packets.zeros(6), Packets.VIP)));
        return frames;
    }

    @Test
    void shouldNotAllocate() {
        List<byte[]> frames = frames();
        byte[][] all = frames.toArray(byte[][]::new);
        ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(ROOM);
            long fewest = Long.MAX_VALUE;
            for (int round = 0; round < 20; round++) { // The JIT may allocate in any one round, not in all of them.
                long before = thread.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < 10; i++) {
                    for (byte[] frame : all) {
                        everything(memory, frame);
                    }
                }
                fewest = Math.min(fewest, thread.getCurrentThreadAllocatedBytes() - before);
            }
            assertEquals(0, fewest, "bytes allocated; replies written: " + sent);
        }
    }

    private void everything(MemorySegment memory, byte[] frame) {
        for (int step = 0; step < 8; step++) {
            MemorySegment.copy(frame, 0, memory, ValueLayout.JAVA_BYTE, FrameRoom.HEADROOM, frame.length);
            PacketParser.parse(memory, FrameRoom.HEADROOM, frame.length, parsed, 0);
            sent += one(memory, FrameRoom.HEADROOM, step) ? 1 : 0;
        }
    }

    private boolean one(MemorySegment memory, long offset, int step) {
        return switch (parsed.kind(0)) {
            case PacketKind.FLOW4, PacketKind.FLOW6 -> flow(memory, offset, step);
            case PacketKind.ICMP4, PacketKind.ICMP6 -> icmp(memory, offset, step);
            case PacketKind.ARP -> ArpWriter.reply(memory, offset, parsed, 0, ourMac, reply);
            default -> false;
        };
    }

    private boolean flow(MemorySegment memory, long offset, int step) {
        int l3Offset = parsed.l3Offset(0);
        int length = parsed.packetLength(0);
        boolean isV4 = parsed.kind(0) == PacketKind.FLOW4;
        int tunnel = 1 + step % 3;
        switch (step) {
            case 0, 1 -> {
                return ResetWriter.reset(memory, offset, parsed, 0, reply);
            }
            case 2 -> {
                return TooBigWriter.reply(memory, offset, parsed, 0, 1400, reply);
            }
            case 3, 4 -> Encapsulator.encapsulate4(memory, offset, l3Offset, length, tunnel, 1, 2, ourMac, ourMac);
            case 5 -> {
                Encapsulator.encapsulate6(memory, offset, l3Offset, length, tunnel, 1, 2, 3, 4, 5, ourMac, ourMac);
                return true;
            }
            case 6 -> {
                return parsed.protocol(0) == 6 && MssClamp.clamp(memory, offset + parsed.l4Offset(0), 1000);
            }
            default -> {
                if (parsed.ttl(0) == 0) {
                    return false;
                }
                if (isV4) {
                    DirectRewriter.rewrite4(memory, offset, l3Offset, ourMac, ourMac);
                } else {
                    DirectRewriter.rewrite6(memory, offset, l3Offset, ourMac, ourMac);
                }
            }
        }
        return true;
    }

    private boolean icmp(MemorySegment memory, long offset, int step) {
        return switch (step) {
            case 0 -> EchoWriter.reply(memory, offset, parsed, 0, reply);
            case 1 -> quote.parseFlow(memory, offset, parsed, 0);
            case 2 ->
                quote.parseTunnel(memory, offset, parsed, 0)
                        && quote.hasInner()
                        && TooBigWriter.quote(
                                memory,
                                offset,
                                parsed.l3Offset(0),
                                quote.innerOffset(),
                                quote.innerLength(),
                                1300,
                                reply);
            case 3 -> NeighbourWriter.isSolicitation(memory, offset, parsed, 0);
            case 4 -> parsed.l4Length(0) >= 24 && NeighbourWriter.reply(memory, offset, parsed, 0, ourMac, reply);
            default -> false;
        };
    }
}
