package io.penstock.sidecar.health;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.socket.DatagramPacket;
import io.netty.channel.socket.SocketProtocolFamily;
import io.penstock.control.config.HealthConfig;
import java.net.Inet6Address;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// `health=udp`: a datagram is answered as expected or, where no answer is expected, at least not refused: silence
/// until the time limit then counts as a success, an ICMP "port unreachable" as a failure.
final class UdpProbe implements Probe {
    private final EventLoop loop;
    private final InetSocketAddress remote;
    private final int mark;
    private final byte[] send;
    private final byte @Nullable [] receive;

    /// @param mark firewall mark, 0 for none
    UdpProbe(EventLoop loop, InetSocketAddress remote, int mark, HealthConfig health) {
        this.loop = loop;
        this.remote = remote;
        this.mark = mark;
        send = payload(health.send());
        String prefix = health.receive();
        receive = prefix == null || prefix.isEmpty() ? null : payload(prefix);
    }

    /// {@return the bytes of a value of `health.send` or `health.receive`: text, or `0x` and hex digits}
    static byte[] payload(String value) {
        return value.matches("0x([0-9a-fA-F]{2})+")
                ? HexFormat.of().parseHex(value.substring(2))
                : value.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public Attempt start(Consumer<CheckResult> outcome) {
        return new UdpAttempt(outcome).send();
    }

    @SuppressWarnings("FutureReturnValueIgnored") // What fails, fails the write future or fires exceptionCaught().
    private final class UdpAttempt extends ChannelInboundHandlerAdapter implements Attempt {
        private final Consumer<CheckResult> outcome;
        private @Nullable EpollDatagramChannel channel;
        private boolean over;

        UdpAttempt(Consumer<CheckResult> outcome) {
            this.outcome = outcome;
        }

        UdpAttempt send() {
            try {
                EpollDatagramChannel opened = new EpollDatagramChannel(
                        remote.getAddress() instanceof Inet6Address
                                ? SocketProtocolFamily.INET6
                                : SocketProtocolFamily.INET);
                channel = opened;
                if (mark != 0) {
                    opened.config().setOption(SocketMark.OPTION, mark);
                }
                opened.pipeline().addLast(this);
                loop.register(opened);
                // Connected, so that the kernel hands us the ICMP errors and only this peer's datagrams.
                ChannelFuture connected = opened.connect(remote);
                if (connected.isDone() && !connected.isSuccess()) {
                    finish(CheckResult.of(connected.cause(), true));
                } else {
                    opened.writeAndFlush(Unpooled.wrappedBuffer(send)).addListener(written -> {
                        if (!written.isSuccess()) {
                            finish(CheckResult.of(written.cause(), true));
                        }
                    });
                }
            } catch (RuntimeException e) {
                finish(CheckResult.of(e, true));
            }
            return this;
        }

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            try {
                ByteBuf bytes = message instanceof DatagramPacket packet ? packet.content() : (ByteBuf) message;
                finish(startsAsExpected(bytes) ? CheckResult.OK : CheckResult.failed("unexpected answer"));
            } finally {
                io.netty.util.ReferenceCountUtil.release(message);
            }
        }

        private boolean startsAsExpected(ByteBuf bytes) {
            byte[] prefix = receive;
            if (prefix == null) {
                return true;
            }
            if (bytes.readableBytes() < prefix.length) {
                return false;
            }
            byte[] start = new byte[prefix.length];
            bytes.getBytes(bytes.readerIndex(), start);
            return Arrays.equals(start, prefix);
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            finish(CheckResult.of(cause, false));
        }

        private void finish(CheckResult result) {
            if (!over) {
                over = true;
                close();
                outcome.accept(result);
            }
        }

        @Override
        public CheckResult giveUp() {
            over = true;
            close();
            return receive == null ? CheckResult.OK : CheckResult.failed("no answer in time");
        }

        private void close() {
            EpollDatagramChannel opened = channel;
            if (opened != null) {
                opened.unsafe().closeForcibly();
            }
        }
    }
}
