package io.penstock.forwarder.path;

import io.penstock.flowtable.packet.Ipv4Fragmenter;
import io.penstock.flowtable.packet.PacketParser;
import io.penstock.forwarder.port.FrameBatch;
import io.penstock.forwarder.port.FramePort;
import java.lang.foreign.MemorySegment;

/// Splits an IPv4 packet that may be fragmented into fragments that fit a smaller MTU. The first one stays in the
/// frame, the others go into borrowed room and are added to the batch, parsed.
/// One worker's own.
final class PacketSplitter {
    /// Enough for a 9000-byte packet over the smallest MTU that IPv6 allows; what needs more is dropped.
    private static final int PIECES_MAX = 16;
    /// RFC 791 §3.2: every link carries this.
    private static final int SMALLEST_MTU = 68;

    private final PathContext context;
    private final long[] rooms = new long[PIECES_MAX];

    PacketSplitter(PathContext context) {
        this.context = context;
    }

    /// Splits frame `i`.
    ///
    /// @param mtu most bytes of a fragment, its IP header included
    /// @return false, and nothing has changed, when there are too many fragments or there is no room for them
    boolean split(int i, int mtu) {
        MemorySegment memory = context.memory;
        int l3Offset = context.parsed.l3Offset(i);
        if (mtu < SMALLEST_MTU || l3Offset + mtu > FramePort.BORROWED_LENGTH) {
            return false;
        }
        long packet = context.batch.offsets[i] + l3Offset;
        int unit = Ipv4Fragmenter.dataPerFragment(memory, packet, mtu);
        int data = Ipv4Fragmenter.dataLength(memory, packet);
        int later = (data - 1) / unit;
        if (later > PIECES_MAX || !borrow(later)) {
            return false;
        }
        for (int piece = 0; piece < later; piece++) {
            add(i, rooms[piece], (piece + 1) * unit, unit);
        }
        context.parsed.setPacketLength(i, Ipv4Fragmenter.cutFirst(memory, packet, unit));
        context.batch.lengths[i] = l3Offset + context.parsed.packetLength(i);
        return true;
    }

    private boolean borrow(int count) {
        FrameBatch batch = context.batch;
        int free = batch.offsets.length - batch.size;
        for (int taken = 0; taken < count; taken++) {
            rooms[taken] = taken < free ? context.port.borrow() : -1;
            if (rooms[taken] < 0) {
                for (int back = 0; back < taken; back++) {
                    context.port.giveBack(rooms[back]);
                }
                return false;
            }
        }
        return true;
    }

    private void add(int i, long room, int from, int unit) {
        MemorySegment memory = context.memory;
        int l3Offset = context.parsed.l3Offset(i);
        long frame = context.batch.offsets[i];
        MemorySegment.copy(memory, frame, memory, room, l3Offset);
        int length = l3Offset + Ipv4Fragmenter.copyLater(memory, frame + l3Offset, from, unit, room + l3Offset);
        int added = context.batch.size;
        context.batch.addOriginated(room, length);
        PacketParser.parse(memory, room, length, context.parsed, added);
    }
}
