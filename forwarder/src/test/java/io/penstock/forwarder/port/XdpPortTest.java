package io.penstock.forwarder.port;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.penstock.forwarder.linux.NetworkNamespaces;
import io.penstock.forwarder.linux.RawSocket;
import java.net.InetAddress;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;

/// The port contract over a real AF_XDP socket on a veth pair.
@Tag("root")
class XdpPortTest extends FramePortContract {
    private @Nullable NetworkNamespaces net;
    private @Nullable XdpInterface xdp;
    private @Nullable RawSocket far;

    @BeforeEach
    void open() throws Exception {
        NetworkNamespaces namespaces = NetworkNamespaces.open();
        net = namespaces;
        String client = namespaces.add("client");
        String lb = namespaces.add("lb");
        namespaces.veth(client, "c0", lb, "l0", queues());
        far = namespaces.inside(client, () -> new RawSocket("c0"));
        XdpInterface opened = namespaces.inside(lb, () -> XdpInterface.open("l0", 1, XdpInterface.Options.DEFAULT));
        xdp = opened;
        opened.filter().update(Set.of(InetAddress.getByName("192.0.2.1")), Set.of());
    }

    @AfterEach
    void close() {
        if (xdp != null) {
            xdp.close();
        }
        if (far != null) {
            far.close();
        }
        if (net != null) {
            net.close();
        }
    }

    /// {@return receive queues of the interface, all of them the one port's}
    int queues() {
        return 1;
    }

    @Override
    FramePort port() {
        return Objects.requireNonNull(xdp).ports().getFirst();
    }

    @Override
    void deliver(byte[] frame) {
        assertEquals(0, Objects.requireNonNull(far).send(frame));
    }

    @Override
    byte @Nullable [] takeSent(int timeoutMs) {
        return Objects.requireNonNull(far).receiveTo(VIP, timeoutMs);
    }
}
