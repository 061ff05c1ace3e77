package io.penstock.forwarder.process;

import io.penstock.control.config.ListenerConfig;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.config.Protocol;
import io.penstock.control.snapshot.HostClock;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.Snapshots;
import io.penstock.forwarder.replay.ReplayedPath;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.nio.ByteBuffer;

/// Runs the packet path in memory before the ports open, so that the first real packets meet compiled code. Its frames
/// are for a VIP of the configuration; its tables are its own and are gone afterwards.
final class WarmUp {
    private static final int FLOWS = 1 << 12;
    private static final int FIRST_PORT = 1 << 14;
    private static final int BATCH = 64;
    private static final int ETHERNET_LENGTH = 14;
    private static final int TCP_LENGTH = 20;
    private static final int SYN = 0x02;
    private static final int ACK = 0x10;
    /// Enough for C2, and little beside the start of a JVM.
    private static final long LONGEST_NS = 500_000_000;
    private static final int ROUNDS = 40;
    /// Of so many rounds the first opens new flows and the others use them.
    private static final int ROUNDS_PER_SYN = 8;

    private WarmUp() {}

    /// Runs it for half a second at most.
    ///
    /// @param snapshot that will be in force, for its listeners
    static void run(PenstockConfig config, Snapshot snapshot) {
        if (config.listeners().isEmpty() || snapshot.listeners().isEmpty()) {
            return;
        }
        ListenerConfig listener = config.listeners().getFirst();
        long untilNs = System.nanoTime() + LONGEST_NS;
        try (ReplayedPath path = new ReplayedPath(config, 2L * FLOWS * ROUNDS / ROUNDS_PER_SYN, BATCH)) {
            path.setTime(System.nanoTime());
            path.apply(Snapshots.from(config, 1), HostClock.nowMs());
            byte[] frame = frame(listener);
            for (int round = 0; round < ROUNDS && System.nanoTime() - untilNs < 0; round++) {
                round(path, frame, listener, round);
            }
        }
    }

    private static void round(ReplayedPath path, byte[] frame, ListenerConfig listener, int round) {
        int l4 = frame.length - TCP_LENGTH;
        boolean isTcp = listener.protocol() == Protocol.TCP;
        int port = FIRST_PORT + round / ROUNDS_PER_SYN * FLOWS;
        for (int flow = 0; flow < FLOWS; ) {
            for (int i = 0; i < BATCH; i++, flow++) {
                frame[l4] = (byte) ((port + flow) >>> 8);
                frame[l4 + 1] = (byte) (port + flow);
                if (isTcp) {
                    frame[l4 + 13] = (byte) (round % ROUNDS_PER_SYN == 0 ? SYN : ACK);
                }
                path.port().offer(frame);
            }
            path.worker().doWork();
            path.port().discard();
        }
    }

    private static byte[] frame(ListenerConfig listener) {
        InetAddress vip = listener.vips().getFirst();
        boolean isV6 = vip instanceof Inet6Address;
        boolean isTcp = listener.protocol() == Protocol.TCP;
        int headerLength = isV6 ? 40 : 20;
        ByteBuffer frame = ByteBuffer.allocate(ETHERNET_LENGTH + headerLength + TCP_LENGTH);
        frame.position(12);
        frame.putShort((short) (isV6 ? 0x86dd : 0x0800));
        int protocol = isTcp ? 6 : 17;
        if (isV6) {
            frame.putInt(0x60000000)
                    .putShort((short) TCP_LENGTH)
                    .put((byte) protocol)
                    .put((byte) 64);
            frame.put(new byte[] {0x20, 0x01, 0x0d, (byte) 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
        } else {
            frame.putShort((short) 0x4500).putShort((short) (headerLength + TCP_LENGTH));
            frame.putInt(0x4000).put((byte) 64).put((byte) protocol).putShort((short) 0);
            frame.put(new byte[] {(byte) 198, 51, 100, 1});
        }
        frame.put(vip.getAddress());
        if (!isV6) {
            frame.putShort(ETHERNET_LENGTH + 10, headerChecksum(frame));
        }
        frame.putShort((short) 0);
        frame.putShort((short) listener.ports().ranges().getFirst().first());
        if (isTcp) {
            frame.putLong(0).putShort((short) 0x5010);
        } else {
            frame.putShort((short) TCP_LENGTH);
        }
        return frame.array();
    }

    private static short headerChecksum(ByteBuffer frame) {
        int sum = 0;
        for (int at = ETHERNET_LENGTH; at < ETHERNET_LENGTH + 20; at += 2) {
            sum += frame.getShort(at) & 0xffff;
        }
        sum = (sum & 0xffff) + (sum >>> 16);
        return (short) ~((sum & 0xffff) + (sum >>> 16));
    }
}
