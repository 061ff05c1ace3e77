package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.BpfAssembler.Register.R1;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R2;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R3;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R6;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R7;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R9;
import static io.penstock.forwarder.linux.BpfAssembler.Size.WORD;

import io.penstock.forwarder.linux.BpfAssembler.Label;
import io.penstock.forwarder.linux.BpfAssembler.Register;
import java.net.InetAddress;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The XDP program that gives frames for our VIPs to the AF_XDP socket of the queue they came by, and all else to the
/// kernel. What is ours is told by [VipClassifier].
///
/// A frame for a VIP on a queue without a socket goes to the kernel: the sockets are bound before VIPs are known.
public final class XdpFilter implements VipFilter {
    private final BpfMap sockets;
    private final VipClassifier classifier;
    private final BpfProgram program;
    private final int queues;
    private @Nullable BpfLink link;
    private @Nullable SolicitedNodeGroups groups;
    private String place = "not attached";

    /// Loads the program; attaches nothing yet.
    ///
    /// @param queues receive queues of the interface
    /// @throws LinuxException when the kernel refuses
    public XdpFilter(int queues) {
        this.queues = queues;
        sockets = BpfMap.create(BpfMap.Kind.SOCKETS, "ps_sockets", 4, 4, queues);
        VipClassifier made = null;
        try {
            made = new VipClassifier();
            program = BpfProgram.load(BpfProgram.Kind.XDP, "ps_filter", assemble(sockets, made));
        } catch (LinuxException e) {
            if (made != null) {
                made.close();
            }
            sockets.close();
            throw e;
        }
        classifier = made;
    }

    private static BpfAssembler assemble(BpfMap sockets, VipClassifier classifier) {
        BpfAssembler assembler = new BpfAssembler();
        Label ours = new Label();
        Label others = new Label();
        assembler.move(R9, R1);
        assembler.load(WORD, R6, R1, 0); // xdp_md.data
        assembler.load(WORD, R7, R1, 4); // xdp_md.data_end
        classifier.emit(assembler, ours, others);

        assembler.bind(ours);
        assembler.loadMap(R1, sockets);
        assembler.load(WORD, R2, R9, 16); // xdp_md.rx_queue_index
        assembler.move(R3, BpfProgram.XDP_PASS); // the verdict where the queue has no socket
        assembler.call(BpfAssembler.REDIRECT_MAP);
        assembler.exit();

        assembler.bind(others);
        assembler.move(Register.R0, BpfProgram.XDP_PASS);
        assembler.exit();
        return assembler;
    }

    /// Attaches the program.
    ///
    /// @return how it runs
    /// @throws LinuxException when it cannot be
    public BpfLink.Mode attach(LinuxInterface nic) {
        BpfLink attached = BpfLink.attachXdp(program, nic.name(), nic.index());
        link = attached;
        groups = new SolicitedNodeGroups(nic.name());
        place = "XDP on " + nic.name()
                + (attached.mode() == BpfLink.Mode.DRIVER
                        ? " in the driver"
                        : " in generic mode, slow: " + attached.reason());
        return attached.mode();
    }

    /// Gives a queue's frames to a socket.
    public void put(int queue, int socket) {
        sockets.put(BpfMap.intBytes(queue), socket);
    }

    /// {@return the program, to try frames on}
    public BpfProgram program() {
        return program;
    }

    /// {@return receive queues that it knows}
    public int queues() {
        return queues;
    }

    @Override
    public void update(Set<InetAddress> vips, Set<InetAddress> tunnelSources) {
        classifier.update(vips, tunnelSources);
        SolicitedNodeGroups joined = groups;
        if (joined != null) {
            joined.update(vips);
        }
    }

    @Override
    public String description() {
        return place;
    }

    @Override
    public void close() {
        BpfLink attached = link;
        if (attached != null) {
            attached.close();
            link = null;
        }
        SolicitedNodeGroups joined = groups;
        if (joined != null) {
            joined.close();
            groups = null;
        }
        program.close();
        classifier.close();
        sockets.close();
        place = "not attached";
    }
}
