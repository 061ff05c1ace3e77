package io.penstock.sidecar.health;

import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.epoll.EpollSocketChannelConfig;
import java.net.InetSocketAddress;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// One TCP connection of a check; the plain one succeeds as soon as it stands.
///
/// It is closed by a RST: at thousands of checks a second, connections that linger in TIME_WAIT would use up our ports.
@SuppressWarnings("FutureReturnValueIgnored") // What fails, fails the connect future or fires exceptionCaught().
class StreamAttempt extends ChannelInboundHandlerAdapter implements Probe.Attempt {
    private final Consumer<CheckResult> outcome;
    private @Nullable EpollSocketChannel channel;
    private boolean over;

    StreamAttempt(Consumer<CheckResult> outcome) {
        this.outcome = outcome;
    }

    /// Opens the connection; call once, on the loop's thread.
    ///
    /// @param mark firewall mark, 0 for none
    final StreamAttempt connect(EventLoop loop, InetSocketAddress remote, int mark) {
        try {
            EpollSocketChannel opened = new EpollSocketChannel();
            channel = opened;
            EpollSocketChannelConfig config = opened.config();
            config.setConnectTimeoutMillis(0); // The check has one time limit for all of it.
            config.setSoLinger(0);
            if (mark != 0) {
                config.setOption(SocketMark.OPTION, mark);
            }
            opened.pipeline().addLast(this);
            loop.register(opened);
            ChannelFuture connected = opened.connect(remote);
            if (connected.isDone()) {
                connectionDone(connected, true);
            } else {
                connected.addListener(done -> connectionDone(connected, false));
            }
        } catch (RuntimeException e) {
            finish(CheckResult.of(e, true));
        }
        return this;
    }

    private void connectionDone(ChannelFuture connected, boolean atOnce) {
        Throwable cause = connected.cause();
        if (over) {
            return;
        }
        if (cause != null) {
            finish(CheckResult.of(cause, atOnce));
        } else {
            connected(connected.channel().pipeline().firstContext());
        }
    }

    /// The connection stands.
    void connected(ChannelHandlerContext context) {
        finish(CheckResult.OK);
    }

    /// Ends the attempt with a result, once.
    final void finish(CheckResult result) {
        if (!over) {
            over = true;
            close();
            outcome.accept(result);
        }
    }

    final boolean isOver() {
        return over;
    }

    @Override
    public final CheckResult giveUp() {
        CheckResult result = silence();
        over = true;
        close();
        return result;
    }

    /// {@return what it means that the time is over}
    CheckResult silence() {
        EpollSocketChannel opened = channel;
        return CheckResult.failed(opened != null && opened.isActive() ? "no answer in time" : "no connection in time");
    }

    private void close() {
        EpollSocketChannel opened = channel;
        if (opened != null) {
            opened.unsafe().closeForcibly();
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        finish(CheckResult.failed("connection closed without an answer"));
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        finish(CheckResult.of(cause, false));
    }
}
