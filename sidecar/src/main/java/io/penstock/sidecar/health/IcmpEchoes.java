package io.penstock.sidecar.health;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.EventLoop;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.socket.DatagramPacket;
import io.penstock.sidecar.linux.PingSocket;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import org.agrona.collections.Long2ObjectHashMap;

/// Sends echo requests and matches the replies (RFC 792, RFC 4443 section 4), for all checks over one socket of each
/// family and firewall mark. Belongs to the check thread.
///
/// ```
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |     Type      |     Code      |           Checksum            |
/// +---------------+---------------+-------------------------------+
/// |          Identifier           |            Sequence           |
/// +-------------------------------+-------------------------------+
/// |     Token: 64 random bits, comes back in the reply            |
/// |                                                               |
/// +---------------------------------------------------------------+
/// ```
/// The token tells our replies from those of any other program, whose copies a raw socket gets as well; the kernel
/// overwrites the identifier of a ping socket.
@SuppressWarnings("FutureReturnValueIgnored") // A socket of ours is closed or registered for good: nobody waits for it.
final class IcmpEchoes implements AutoCloseable {
    private static final int ECHO_REQUEST = 8;
    private static final int ECHO_REPLY = 0;
    private static final int ECHO_REQUEST6 = 128;
    private static final int ECHO_REPLY6 = 129;
    private static final int LENGTH = 16;
    private static final int TOKEN_OFFSET = 8;

    private record SocketKey(boolean ipv6, int mark) {}

    private record Waiting(InetAddress remote, Consumer<CheckResult> outcome) {}

    private final EventLoop loop;
    private final Map<SocketKey, EpollDatagramChannel> channels = new HashMap<>();
    private final Long2ObjectHashMap<Waiting> waiting = new Long2ObjectHashMap<>();
    private final int identifier = ThreadLocalRandom.current().nextInt(1 << 16);
    private int sequence;

    IcmpEchoes(EventLoop loop) {
        this.loop = loop;
    }

    /// Sends one request.
    Probe.Attempt request(InetAddress remote, int mark, Consumer<CheckResult> outcome) {
        boolean ipv6 = remote instanceof Inet6Address;
        long token = ThreadLocalRandom.current().nextLong();
        try {
            EpollDatagramChannel channel = channel(new SocketKey(ipv6, mark));
            waiting.put(token, new Waiting(remote, outcome));
            ChannelFuture written = channel.writeAndFlush(
                    new DatagramPacket(message(channel, ipv6, token), new InetSocketAddress(remote, 0)));
            written.addListener(done -> {
                if (!done.isSuccess()) {
                    finish(token, CheckResult.of(done.cause(), true));
                }
            });
        } catch (IOException | RuntimeException e) {
            waiting.remove(token);
            outcome.accept(CheckResult.fault(String.valueOf(e.getMessage())));
            return Probe.OVER;
        }
        return () -> {
            waiting.remove(token);
            return CheckResult.failed("no echo reply in time");
        };
    }

    private void finish(long token, CheckResult result) {
        Waiting check = waiting.remove(token);
        if (check != null) {
            check.outcome.accept(result);
        }
    }

    private ByteBuf message(EpollDatagramChannel channel, boolean ipv6, long token) {
        ByteBuf message = channel.alloc().directBuffer(LENGTH);
        message.writeByte(ipv6 ? ECHO_REQUEST6 : ECHO_REQUEST);
        message.writeByte(0);
        message.writeShort(0);
        message.writeShort(identifier);
        message.writeShort(sequence++);
        message.writeLong(token);
        if (!ipv6) { // The kernel fills in the checksum of ICMPv6, which covers addresses that only it knows.
            message.setShort(2, checksum(message));
        }
        return message;
    }

    // RFC 1071.
    private static int checksum(ByteBuf message) {
        int sum = 0;
        for (int i = 0; i < LENGTH; i += 2) {
            sum += message.getUnsignedShort(i);
        }
        sum = (sum & 0xffff) + (sum >>> 16);
        sum = (sum & 0xffff) + (sum >>> 16);
        return ~sum & 0xffff;
    }

    private EpollDatagramChannel channel(SocketKey key) throws IOException {
        EpollDatagramChannel open = channels.get(key);
        if (open != null && open.isOpen()) {
            return open;
        }
        PingSocket socket = PingSocket.open(key.ipv6);
        EpollDatagramChannel channel;
        try {
            channel = new EpollDatagramChannel(socket.fd());
        } catch (RuntimeException e) {
            socket.close();
            throw e;
        }
        if (key.mark != 0) {
            channel.config().setOption(SocketMark.OPTION, key.mark);
        }
        channel.pipeline().addLast(new ReplyReader(key.ipv6, socket.hasIpv4Header()));
        loop.register(channel);
        channels.put(key, channel);
        return channel;
    }

    /// Closes the sockets of marks that no check uses any more.
    ///
    /// @param isUsed whether a mark still has a check
    void retain(java.util.function.IntPredicate isUsed) {
        channels.entrySet().removeIf(entry -> {
            boolean unused = entry.getKey().mark != 0 && !isUsed.test(entry.getKey().mark);
            if (unused) {
                entry.getValue().close();
            }
            return unused;
        });
    }

    @Override
    public void close() {
        channels.values().forEach(EpollDatagramChannel::close);
        channels.clear();
        waiting.clear();
    }

    private final class ReplyReader extends SimpleChannelInboundHandler<DatagramPacket> {
        private final boolean ipv6;
        private final boolean hasIpv4Header;

        ReplyReader(boolean ipv6, boolean hasIpv4Header) {
            this.ipv6 = ipv6;
            this.hasIpv4Header = hasIpv4Header;
        }

        @Override
        protected void channelRead0(ChannelHandlerContext context, DatagramPacket packet) {
            ByteBuf bytes = packet.content();
            int at = bytes.readerIndex();
            if (hasIpv4Header && bytes.isReadable()) {
                at += (bytes.getByte(at) & 0xf) * 4;
            }
            if (bytes.writerIndex() - at < LENGTH || bytes.getUnsignedByte(at) != (ipv6 ? ECHO_REPLY6 : ECHO_REPLY)) {
                return;
            }
            long token = bytes.getLong(at + TOKEN_OFFSET);
            Waiting check = waiting.get(token);
            if (check != null && check.remote.equals(packet.sender().getAddress())) {
                finish(token, CheckResult.OK);
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            // An ICMP error of one peer must not close the socket of all.
        }
    }
}
