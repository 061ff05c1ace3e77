package io.penstock.sidecar.health;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.EventLoop;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.util.NetUtil;
import io.penstock.control.config.HealthConfig;
import io.penstock.control.config.HealthConfig.CodeRange;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// `health=http` and `health=https`: a GET answers with an expected code. Only the status line is read, the body never.
///
/// Over TLS the certificate is not verified: the check asks whether the backend works, it does not hand it secrets, and
/// backends commonly carry certificates for the name of the VIP, or none that we could verify.
final class HttpProbe implements Probe {
    // A status line and the headers of interim (1xx) answers; a server that sends more before its answer has failed.
    private static final int MAX_RESPONSE_BYTES = 8192;

    private final EventLoop loop;
    private final InetSocketAddress remote;
    private final int mark;
    private final @Nullable SslContext tls;
    private final byte[] request;
    private final List<CodeRange> expect;
    private final String serverName;

    /// @param mark firewall mark, 0 for none
    /// @param tls  null for plain HTTP
    HttpProbe(EventLoop loop, InetSocketAddress remote, int mark, HealthConfig health, @Nullable SslContext tls) {
        this.loop = loop;
        this.remote = remote;
        this.mark = mark;
        this.tls = tls;
        expect = health.expect();
        String host = health.host();
        if (host == null || host.isEmpty()) {
            host = authority(remote, tls == null ? 80 : 443);
        }
        serverName = host.startsWith("[") ? "" : host.replaceFirst(":.*", "");
        request = ("GET " + health.path() + " HTTP/1.1\r\nHost: " + host
                        + "\r\nUser-Agent: penstock-health\r\nAccept: */*\r\nConnection: close\r\n\r\n")
                .getBytes(StandardCharsets.UTF_8);
    }

    private static String authority(InetSocketAddress remote, int defaultPort) {
        String address = NetUtil.toAddressString(remote.getAddress());
        String host = address.indexOf(':') >= 0 ? '[' + address + ']' : address;
        return remote.getPort() == defaultPort ? host : host + ':' + remote.getPort();
    }

    @Override
    public Attempt start(Consumer<CheckResult> outcome) {
        return new HttpAttempt(outcome).connect(loop, remote, mark);
    }

    private final class HttpAttempt extends StreamAttempt {
        private final StringBuilder line = new StringBuilder(32);
        private int read;
        private boolean interim; // inside the headers of a 1xx answer

        HttpAttempt(Consumer<CheckResult> outcome) {
            super(outcome);
        }

        @Override
        void connected(ChannelHandlerContext context) {
            SslContext layer = tls;
            if (layer == null) {
                sendRequest(context);
                return;
            }
            boolean isName = !serverName.isEmpty() && !NetUtil.isValidIpV4Address(serverName);
            SslHandler handler = isName
                    ? layer.newHandler(context.alloc(), serverName, remote.getPort()) // sends the name (SNI)
                    : layer.newHandler(context.alloc());
            handler.setHandshakeTimeoutMillis(0); // The check has one time limit for all of it.
            context.pipeline().addFirst(handler);
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext context, Object event) {
            if (event instanceof SslHandshakeCompletionEvent handshake) {
                if (handshake.isSuccess()) {
                    sendRequest(context);
                } else {
                    finish(CheckResult.failed("TLS: " + handshake.cause().getMessage()));
                }
            }
        }

        @SuppressWarnings("FutureReturnValueIgnored") // The void promise reports a failure to exceptionCaught().
        private void sendRequest(ChannelHandlerContext context) {
            context.writeAndFlush(context.alloc().buffer(request.length).writeBytes(request), context.voidPromise());
        }

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            ByteBuf bytes = (ByteBuf) message;
            try {
                while (bytes.isReadable() && !isOver()) {
                    take((char) bytes.readUnsignedByte());
                }
            } finally {
                bytes.release();
            }
        }

        private void take(char c) {
            if (++read > MAX_RESPONSE_BYTES) {
                finish(CheckResult.failed("no HTTP status line in the first " + MAX_RESPONSE_BYTES + " bytes"));
            } else if (c != '\n') {
                line.append(c);
            } else {
                String text = line.toString().stripTrailing();
                line.setLength(0);
                takeLine(text);
            }
        }

        private void takeLine(String text) {
            if (interim) {
                interim = !text.isEmpty();
                return;
            }
            int code = statusCode(text);
            if (code < 0) {
                finish(CheckResult.failed("the answer is not HTTP"));
            } else if (expect.stream().anyMatch(range -> range.first() <= code && code <= range.last())) {
                finish(CheckResult.OK);
            } else if (code < 200) {
                interim = true;
            } else {
                finish(CheckResult.failed("HTTP " + code));
            }
        }
    }

    // status-line = HTTP-version SP status-code SP [ reason-phrase ] (RFC 9112, section 4)
    private static int statusCode(String line) {
        if (!line.startsWith("HTTP/1.") || line.length() < 12 || line.charAt(8) != ' ') {
            return -1;
        }
        int code = 0;
        for (int i = 9; i < 12; i++) {
            int digit = line.charAt(i) - '0';
            if (digit < 0 || digit > 9) {
                return -1;
            }
            code = code * 10 + digit;
        }
        return code >= 100 && (line.length() == 12 || line.charAt(12) == ' ') ? code : -1;
    }
}
