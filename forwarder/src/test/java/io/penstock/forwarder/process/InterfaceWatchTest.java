package io.penstock.forwarder.process;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.NetworkNamespaces;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What calls for a new start of the forwarder, and what passes.
@Tag("root")
@Timeout(60)
class InterfaceWatchTest {
    @Test
    void shouldTellAnInterfaceThatWasMadeAnewFromOneThatIsDownOrGone() throws Exception {
        try (NetworkNamespaces net = NetworkNamespaces.open()) {
            String lb = net.add("lb");
            String other = net.add("other");
            net.veth(lb, "l0", other, "o0", 1);
            try (var _ = net.enter(lb)) {
                InterfaceWatch watch = new InterfaceWatch(LinuxInterface.read("l0"));
                assertEquals("", watch.replaced(), "as it was");

                net.in(lb, "ip link set l0 down");
                assertEquals("", watch.replaced(), "down");

                net.in(lb, "ip link del l0");
                assertEquals("", watch.replaced(), "gone");

                net.in(lb, "ip link add l0 type veth peer name l1");
                assertEquals("", watch.replaced(), "there again, and down");

                net.in(lb, "ip link set l0 up");
                assertEquals("l0 was deleted and made anew", watch.replaced());
            }
        }
    }

    @Test
    void shouldNoticeAnotherMacAddress() throws Exception {
        try (NetworkNamespaces net = NetworkNamespaces.open()) {
            String lb = net.add("lb");
            String other = net.add("other");
            net.veth(lb, "l0", other, "o0", 1);
            try (var _ = net.enter(lb)) {
                InterfaceWatch watch = new InterfaceWatch(LinuxInterface.read("l0"));
                net.in(lb, "ip link set l0 address 02:00:00:00:00:77");
                assertEquals("l0 has another MAC address", watch.replaced());
            }
        }
    }
}
