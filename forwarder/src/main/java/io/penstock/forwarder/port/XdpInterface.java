package io.penstock.forwarder.port;

import io.penstock.control.config.HugePages;
import io.penstock.forwarder.linux.BpfLink;
import io.penstock.forwarder.linux.Errno;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.VipFilter;
import io.penstock.forwarder.linux.XdpFilter;
import io.penstock.forwarder.linux.XdpSocket;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/// A network interface taken over by AF_XDP: the filter program, and ports that share out its receive queues. Queue `q`
/// belongs to worker `q % workers`.
///
/// No frame comes before [#filter()] was told the VIPs. Closing detaches the program first, so that the kernel has
/// all frames again, then closes the ports. Set-up only.
public final class XdpInterface implements FrameInterface {
    /// What may be chosen.
    ///
    /// @param hugePages whether the packet memory lies in huge pages
    /// @param copyOnly  whether zero-copy is not even tried
    /// @param busyPoll  whether workers poll the driver: with `forwarder.idle=spin`
    public record Options(HugePages hugePages, boolean copyOnly, boolean busyPoll) {
        /// Huge pages and zero-copy where they are to be had, no busy polling.
        public static final Options DEFAULT = new Options(HugePages.AUTO, false, false);
    }

    // Of each queue; fewer where a worker has more than four, so that a NIC with 64 queues does not take half a
    // gigabyte for one worker. The least is what drivers keep in flight for a NIC's own ring.
    private static final int RING_ENTRIES_MAX = 2048;
    private static final int RING_ENTRIES_MIN = 512;
    private static final int RING_ENTRIES_WORKER = 8192;
    private static final int SMALL_CHUNK = 2048;
    private static final int LARGE_CHUNK = 4096;
    private static final int LINK_HEADER_MAX = 18; // Ethernet and one tag
    private static final long PROOF_WAIT_MS = 500;
    private static final InetAddress DUMMY_ADDRESS = address(192, 0, 0, 8); // RFC 7600: nobody sends to it
    private static final byte[] PROOF = HexFormat.of()
            .parseHex(
                    "0200000000010200000000020800" // Ethernet
                            + "4500002e0000000040117ac0c0000008c0000008" // IPv4, UDP, 192.0.0.8 > 192.0.0.8
                            + "00090009001a0000" // port 9 (discard), no checksum
                            + "50656e73746f636b2070726f6f660000" // "Penstock proof"
                            + "0000");
    private static final long CARRIER_WAIT_MS = 5_000;
    private static final long NEW_CARRIER_WAIT_MS = 1_000;

    private final LinuxInterface nic;
    private final XdpFilter filter;
    private final BpfLink.Mode mode;
    private final List<XdpPort> ports;
    private final List<String> notices;

    private XdpInterface(
            LinuxInterface nic, XdpFilter filter, BpfLink.Mode mode, List<XdpPort> ports, List<String> notices) {
        this.nic = nic;
        this.filter = filter;
        this.mode = mode;
        this.ports = ports;
        this.notices = notices;
    }

    /// Takes over an interface.
    ///
    /// @param workers as many ports; the interface must have at least as many queues
    /// @throws LinuxException naming what is missing and the remedy; nothing is left behind
    public static XdpInterface open(String interfaceName, int workers, Options options) {
        LinuxInterface nic = LinuxInterface.read(interfaceName);
        requireFit(nic, workers);
        List<String> notices = new ArrayList<>();
        List<XdpPort> ports = new ArrayList<>();
        XdpFilter filter = new XdpFilter(nic.receiveQueues());
        try {
            BpfLink.Mode mode = filter.attach(nic);
            awaitCarrier(nic, notices);
            noticeOffloads(nic, notices);
            boolean generic = mode == BpfLink.Mode.GENERIC;
            if (generic) {
                notices.add(filter.description());
            }
            int ring = ringEntries(nic.receiveQueues(), workers);
            XdpSocket.Options socketOptions = new XdpSocket.Options(
                    // Twice as many chunks as a ring holds: a full RX ring and a full TX ring at once leave none
                    // unaccounted.
                    ring, 2 * ring, chunkBytes(nic.mtu()), options.copyOnly || generic, options.busyPoll);
            for (int worker = 0; worker < workers; worker++) {
                int[] queues = queuesOf(worker, workers, nic.receiveQueues());
                XdpPort port = XdpPort.open(nic, queues, socketOptions, options.hugePages, ring / 4);
                ports.add(port);
                for (int i = 0; i < queues.length; i++) {
                    filter.put(queues[i], port.descriptor(i));
                }
            }
            prove(nic, filter, ports.getFirst(), notices);
            return new XdpInterface(nic, filter, mode, List.copyOf(ports), List.copyOf(notices));
        } catch (RuntimeException e) {
            filter.close();
            ports.forEach(XdpPort::close);
            throw e;
        }
    }

    @Override
    public List<XdpPort> ports() {
        return ports;
    }

    @Override
    public VipFilter filter() {
        return filter;
    }

    @Override
    public LinuxInterface nic() {
        return nic;
    }

    /// {@return how the program runs}
    public BpfLink.Mode mode() {
        return mode;
    }

    @Override
    public String kind() {
        return "xdp";
    }

    @Override
    public List<String> notices() {
        return notices;
    }

    @Override
    public String description() {
        return filter.description() + "; " + nic.receiveQueues() + " queue(s) for " + ports.size() + " worker(s); "
                + ports.getFirst().description();
    }

    @Override
    public void close() {
        filter.close();
        ports.forEach(XdpPort::close);
    }

    private static void requireFit(LinuxInterface nic, int workers) {
        int queues = nic.receiveQueues();
        if (workers > queues) {
            String remedy = "name at most " + queues + " CPU(s) in forwarder.cpus"
                    + (workers <= nic.receiveQueuesMax() ? ", or " + nic.queueCommand(workers) : "");
            throw new LinuxException(
                    workers + " worker(s) for " + nic.name(),
                    0,
                    "it has " + queues + " receive queue(s), and a worker without a queue gets no frames",
                    remedy);
        }
        if (nic.sendQueues() < queues) { // The kernel binds such a socket, and sends nothing from it.
            throw new LinuxException(
                    "AF_XDP on " + nic.name(),
                    0,
                    "it has " + queues + " receive queues and " + nic.sendQueues()
                            + " to send by, and frames leave by the queue they came by",
                    nic.queueCommand(Math.max(workers, nic.sendQueues())) + ", or forwarder.port=packet");
        }
        if (nic.mtu() + LINK_HEADER_MAX > LARGE_CHUNK - XdpSocket.KERNEL_HEADROOM) {
            throw new LinuxException(
                    "AF_XDP on " + nic.name(),
                    0,
                    "its MTU of " + nic.mtu() + " needs frames longer than a chunk",
                    "use an MTU of at most " + (LARGE_CHUNK - XdpSocket.KERNEL_HEADROOM - LINK_HEADER_MAX)
                            + ", or forwarder.port=packet");
        }
        if (!nic.up()) {
            throw new LinuxException(
                    "AF_XDP on " + nic.name(), 0, "the interface is down", "ip link set " + nic.name() + " up");
        }
    }

    /// {@return the queues of a worker: every `workers`-th}
    static int[] queuesOf(int worker, int workers, int queues) {
        return IntStream.range(0, queues)
                .filter(queue -> queue % workers == worker)
                .toArray();
    }

    /// {@return descriptors of the rings of each queue, a power of two}
    static int ringEntries(int queues, int workers) {
        int queuesOfWorker = (queues + workers - 1) / workers;
        int share = Integer.highestOneBit(RING_ENTRIES_WORKER / queuesOfWorker);
        return Math.clamp(share, RING_ENTRIES_MIN, RING_ENTRIES_MAX);
    }

    private static InetAddress address(int... bytes) {
        byte[] address = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            address[i] = (byte) bytes[i];
        }
        try {
            return InetAddress.getByAddress(address);
        } catch (UnknownHostException e) {
            throw new AssertionError(e); // Of 4 bytes it always can be made.
        }
    }

    private static int chunkBytes(int mtu) {
        return mtu + LINK_HEADER_MAX <= SMALL_CHUNK - XdpSocket.KERNEL_HEADROOM ? SMALL_CHUNK : LARGE_CHUNK;
    }

    /// Sends one frame through program, map, socket and ring of queue 0, as if the NIC had received it. Without VIPs
    /// nothing else can come to the port now.
    private static void prove(LinuxInterface nic, XdpFilter filter, XdpPort port, List<String> notices) {
        FrameBatch batch = new FrameBatch(8);
        filter.update(Set.of(DUMMY_ADDRESS), Set.of());
        int result = filter.program().runLive(PROOF, nic.index(), 1, 1);
        boolean arrived = false;
        long deadlineNs = System.nanoTime() + PROOF_WAIT_MS * 1_000_000;
        while (result == 0 && !arrived && System.nanoTime() - deadlineNs < 0) {
            int count = port.receive(batch);
            for (int i = 0; i < count; i++) {
                arrived |= Arrays.equals(PROOF, batch.bytes(port.memory(), i));
            }
            port.transmit(batch);
        }
        filter.update(Set.of(), Set.of());
        if (result < 0) {
            notices.add("no frame could be tried on " + nic.name() + " (" + Errno.describe(result)
                    + "; Linux 5.18 and later can): watch that received rises once there is traffic");
        } else if (!arrived) {
            notices.add("a frame tried on " + nic.name() + " did not come through the XDP program to its socket:"
                    + " if received stays 0 under traffic, use forwarder.port=packet");
        }
    }

    private static void noticeOffloads(LinuxInterface nic, List<String> notices) {
        if (nic.stripsTags() && !nic.driver().equals("veth")) {
            notices.add(nic.name() + " takes 802.1Q tags off received frames, so tagged ones are answered untagged:"
                    + " ethtool -K " + nic.name() + " rxvlan off, if it carries VLANs");
        }
        if (nic.mergesFrames()) {
            notices.add(nic.name() + " merges received TCP segments, which cannot be forwarded: ethtool -K "
                    + nic.name() + " lro off");
        }
    }

    /// Some drivers reset the link when a program is attached, and take seconds to have it again; and a link that was
    /// set up a moment ago may have none yet.
    private static void awaitCarrier(LinuxInterface before, List<String> notices) {
        long waitMs = before.running() ? CARRIER_WAIT_MS : NEW_CARRIER_WAIT_MS;
        long deadlineNs = System.nanoTime() + waitMs * 1_000_000;
        boolean running = LinuxInterface.read(before.name()).running();
        boolean bounced = before.running() && !running;
        while (!running && System.nanoTime() - deadlineNs < 0) {
            try {
                Thread.sleep(20);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
            running = LinuxInterface.read(before.name()).running();
        }
        if (bounced) {
            notices.add(before.name() + " lost its carrier when the XDP program was attached"
                    + (running ? ", and has it back" : ", and has not got it back within " + waitMs / 1000 + " s"));
        } else if (!running) {
            notices.add(before.name() + " has no carrier");
        }
    }
}
