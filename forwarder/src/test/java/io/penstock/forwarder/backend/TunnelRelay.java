package io.penstock.forwarder.backend;

import io.penstock.control.config.Addresses;
import io.penstock.flowtable.packet.Encapsulator;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.NetworkNamespaces;
import io.penstock.forwarder.linux.RawSocket;
import io.penstock.forwarder.linux.Tunnel;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Set;

/// Stands where a balancer would: takes the frames for VIPs from one interface, and sends their packets in a tunnel out
/// by another.
final class TunnelRelay implements AutoCloseable {
    private static final int ETHERNET_LENGTH = 14;

    private final RawSocket in;
    private final RawSocket out;
    private final long localMac;
    private final long backendMac;
    private final InetAddress source4;
    private final InetAddress source6;
    private final Set<InetAddress> vips;
    private final Thread thread;
    private volatile boolean stopping;
    private volatile Tunnel tunnel = Tunnel.IPIP;
    private volatile InetAddress backend;

    TunnelRelay(
            NetworkNamespaces net,
            String namespace,
            String inName,
            String outName,
            long backendMac,
            InetAddress source4,
            InetAddress source6,
            InetAddress backend,
            Set<InetAddress> vips) {
        try (var _ = net.enter(namespace)) {
            in = new RawSocket(inName);
            out = new RawSocket(outName);
            localMac = LinuxInterface.read(outName).mac();
        }
        this.backendMac = backendMac;
        this.source4 = source4;
        this.source6 = source6;
        this.backend = backend;
        this.vips = vips;
        thread = Thread.ofPlatform().name("ps-relay").daemon().start(this::run);
    }

    /// From now on, packets go to this address of the backend, in this tunnel.
    void use(Tunnel chosenTunnel, InetAddress chosenBackend) {
        tunnel = chosenTunnel;
        backend = chosenBackend;
    }

    private void run() {
        while (!stopping) {
            byte[] frame = in.receive(50);
            if (frame != null && vips.contains(destination(frame))) {
                out.send(encapsulate(frame));
            }
        }
    }

    private static InetAddress destination(byte[] frame) {
        boolean is6 = frame.length >= 54 && frame[12] == (byte) 0x86 && frame[13] == (byte) 0xdd;
        boolean is4 = frame.length >= 34 && frame[12] == 8 && frame[13] == 0;
        byte[] address =
                is6 ? Arrays.copyOfRange(frame, 38, 54) : is4 ? Arrays.copyOfRange(frame, 30, 34) : new byte[4];
        return Addresses.of(address);
    }

    private byte[] encapsulate(byte[] frame) {
        int headroom = Encapsulator.OVERHEAD_MAX;
        MemorySegment memory = MemorySegment.ofArray(new byte[headroom + frame.length]);
        MemorySegment.copy(frame, 0, memory, ValueLayout.JAVA_BYTE, headroom, frame.length);
        ByteBuffer packet = ByteBuffer.wrap(frame, ETHERNET_LENGTH, frame.length - ETHERNET_LENGTH)
                .slice();
        int length = packet.get(0) >> 4 == 6 ? 40 + (packet.getShort(4) & 0xffff) : packet.getShort(2) & 0xffff;
        int number = switch (tunnel) {
            case IPIP -> Encapsulator.IPIP;
            case GUE -> Encapsulator.GUE;
            case GRE -> Encapsulator.GRE;
        };
        ByteBuffer to = ByteBuffer.wrap(backend.getAddress());
        boolean outer6 = to.capacity() == 16;
        long start;
        if (outer6) {
            ByteBuffer from = ByteBuffer.wrap(source6.getAddress());
            start = Encapsulator.encapsulate6(
                    memory,
                    headroom,
                    ETHERNET_LENGTH,
                    length,
                    number,
                    from.getLong(0),
                    from.getLong(8),
                    to.getLong(0),
                    to.getLong(8),
                    42,
                    backendMac,
                    localMac);
        } else {
            long addresses =
                    ((long) ByteBuffer.wrap(source4.getAddress()).getInt() << 32) | (to.getInt(0) & 0xffffffffL);
            start = Encapsulator.encapsulate4(
                    memory, headroom, ETHERNET_LENGTH, length, number, addresses, 42, backendMac, localMac);
        }
        int overhead = Encapsulator.overhead(number, outer6);
        return memory.asSlice(start, ETHERNET_LENGTH + overhead + (long) length).toArray(ValueLayout.JAVA_BYTE);
    }

    @Override
    public void close() {
        stopping = true;
        try {
            thread.join(2_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        in.close();
        out.close();
    }
}
