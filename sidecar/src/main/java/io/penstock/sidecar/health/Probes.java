package io.penstock.sidecar.health;

import io.netty.channel.EventLoop;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/// Makes the probe of each kind and owns what they share. Belongs to the check thread.
final class Probes implements AutoCloseable {
    private static final int SCRIPT_STARTERS = 4;
    private static final int MAX_SCRIPTS_WAITING = 1000;

    private final EventLoop loop;
    private final IcmpEchoes echoes;
    private @Nullable SslContext tls;
    private @Nullable ThreadPoolExecutor starters;

    Probes(EventLoop loop) {
        this.loop = loop;
        echoes = new IcmpEchoes(loop);
    }

    /// {@return a probe for every address of the target; all must succeed}
    Probe of(CheckTarget target) {
        List<Probe> parts =
                target.probed().stream().map(address -> of(target, address)).toList();
        return parts.size() == 1 ? parts.getFirst() : new AllOfProbe(parts);
    }

    private Probe of(CheckTarget target, InetAddress address) {
        InetSocketAddress remote = new InetSocketAddress(address, target.port());
        int mark = target.mark();
        return switch (target.health().kind()) {
            case TCP -> new TcpProbe(loop, remote, mark);
            case HTTP -> new HttpProbe(loop, remote, mark, target.health(), null);
            case HTTPS -> new HttpProbe(loop, remote, mark, target.health(), tls());
            case UDP -> new UdpProbe(loop, remote, mark, target.health());
            case ICMP -> new IcmpProbe(echoes, address, mark);
            case SCRIPT -> new ScriptProbe(loop, starters(), script(target), target, address);
            case NONE -> throw new IllegalArgumentException("target=" + target + ": nothing to check");
        };
    }

    private static String script(CheckTarget target) {
        String script = target.health().script();
        if (script == null) {
            throw new IllegalArgumentException("target=" + target + ": no script");
        }
        return script;
    }

    private SslContext tls() {
        SslContext made = tls;
        if (made == null) {
            try {
                made = SslContextBuilder.forClient()
                        .trustManager(InsecureTrustManagerFactory.INSTANCE)
                        .endpointIdentificationAlgorithm(null)
                        .build();
            } catch (SSLException e) {
                throw new IllegalStateException("no TLS in this JDK", e);
            }
            tls = made;
        }
        return made;
    }

    private ThreadPoolExecutor starters() {
        ThreadPoolExecutor made = starters;
        if (made == null) {
            made = new ThreadPoolExecutor(
                    SCRIPT_STARTERS,
                    SCRIPT_STARTERS,
                    10,
                    TimeUnit.SECONDS,
                    new ArrayBlockingQueue<>(MAX_SCRIPTS_WAITING),
                    Thread.ofPlatform().daemon().name("ps-script-", 0).factory());
            made.allowCoreThreadTimeOut(true);
            starters = made;
        }
        return made;
    }

    /// Lets go of what no check needs any more.
    ///
    /// @param isUsed whether a firewall mark still has a check
    void retain(java.util.function.IntPredicate isUsed) {
        echoes.retain(isUsed);
    }

    @Override
    public void close() {
        echoes.close();
        if (starters != null) {
            starters.shutdownNow();
        }
    }
}
