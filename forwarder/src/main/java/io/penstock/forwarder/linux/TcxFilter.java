package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.BpfAssembler.Condition.ABOVE;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.BELOW_OR_EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.NOT_EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.ADD;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R0;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R1;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R2;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R3;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R6;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R7;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R9;
import static io.penstock.forwarder.linux.BpfAssembler.Size.HALF;
import static io.penstock.forwarder.linux.BpfAssembler.Size.WORD;
import static io.penstock.forwarder.linux.BpfAssembler.networkOrder16;

import io.penstock.forwarder.linux.BpfAssembler.Label;
import java.net.InetAddress;
import java.util.Set;

/// The TC program behind the packet sockets' tap: it drops frames for our VIPs before the host's own stack sees them,
/// which would else answer (a reset, an ICMP error) or forward them a second time. All else goes on to the programs of
/// others and to the stack. What is ours is told by [VipClassifier].
///
/// Attached by TCX (Linux 6.6), as the first of the interface's programs; gone with the process. Where the kernel has
/// no TCX, by [ClsactFilter].
///
/// Also makes the program for the sockets themselves, which looks into the same maps ([TapFilter]).
public final class TcxFilter implements VipFilter {
    // A frame's headers up to the ports that an ICMPv6 error quotes behind a tag: what has to lie in one piece.
    private static final int HEADERS_LENGTH = 14 + 4 + 40 + 8 + 40 + 60;
    private static final int VLAN_PRESENT = 20; // __sk_buff.vlan_present
    private static final int DATA = 76; // __sk_buff.data
    private static final int DATA_END = 80; // __sk_buff.data_end

    private final VipClassifier classifier;
    private final BpfProgram program;
    private final BpfProgram tap;
    private final AutoCloseable link;
    private final SolicitedNodeGroups groups;
    private final String place;
    private boolean isClosed;

    private TcxFilter(
            VipClassifier classifier,
            BpfProgram program,
            BpfProgram tap,
            AutoCloseable link,
            SolicitedNodeGroups groups,
            String place) {
        this.classifier = classifier;
        this.groups = groups;
        this.program = program;
        this.tap = tap;
        this.link = link;
        this.place = place;
    }

    /// Loads the programs and attaches the one for TC. No frame is ours before [#update].
    ///
    /// @throws LinuxException when the kernel refuses; nothing is left behind
    public static TcxFilter open(LinuxInterface nic) {
        VipClassifier classifier = new VipClassifier();
        BpfProgram program = null;
        BpfProgram tap = null;
        SolicitedNodeGroups groups = null;
        try {
            program = load(classifier);
            tap = TapFilter.load(classifier);
            groups = new SolicitedNodeGroups(nic.name());
            BpfLink link = BpfLink.attach(program, nic.name(), nic.index());
            if (link == null) {
                ClsactFilter old = ClsactFilter.attach(program, nic);
                return new TcxFilter(classifier, program, tap, old, groups, "clsact on " + nic.name());
            }
            return new TcxFilter(classifier, program, tap, link, groups, "TCX on " + nic.name());
        } catch (LinuxException e) {
            if (groups != null) {
                groups.close();
            }
            if (tap != null) {
                tap.close();
            }
            if (program != null) {
                program.close();
            }
            classifier.close();
            throw e;
        }
    }

    /// Loads the program that drops, without attaching it.
    static BpfProgram load(VipClassifier classifier) {
        return BpfProgram.load(BpfProgram.Kind.TC_INGRESS, "ps_behind_tap", assemble(classifier));
    }

    private static BpfAssembler assemble(VipClassifier classifier) {
        BpfAssembler assembler = new BpfAssembler();
        Label inOnePiece = new Label();
        Label shortEnough = new Label();
        Label oneTagAtMost = new Label();
        Label ours = new Label();
        Label others = new Label();

        // A driver may have put part of the headers into a page of its own. R2: how much has to lie in one piece.
        assembler.move(R9, R1);
        assembler.load(WORD, R2, R9, 0); // __sk_buff.len
        assembler.jumpIf(BELOW_OR_EQUAL, R2, HEADERS_LENGTH, shortEnough);
        assembler.move(R2, HEADERS_LENGTH);
        assembler.bind(shortEnough);
        assembler.load(WORD, R6, R9, DATA);
        assembler.load(WORD, R7, R9, DATA_END);
        assembler.move(R3, R6);
        assembler.compute(ADD, R3, R2);
        assembler.jumpIf(BELOW_OR_EQUAL, R3, R7, inOnePiece);
        assembler.move(R1, R9);
        assembler.call(BpfAssembler.SKB_PULL_DATA);
        assembler.jumpIf(NOT_EQUAL, R0, 0, others);
        assembler.load(WORD, R6, R9, DATA);
        assembler.load(WORD, R7, R9, DATA_END);
        assembler.bind(inOnePiece);

        // The kernel took a tag out of the frame: then one in the frame is the second.
        assembler.load(WORD, R3, R9, VLAN_PRESENT);
        assembler.jumpIf32(EQUAL, R3, 0, oneTagAtMost);
        assembler.move(R3, R6);
        assembler.compute(ADD, R3, 14);
        assembler.jumpIf(ABOVE, R3, R7, others);
        assembler.load(HALF, R3, R6, 12);
        assembler.jumpIf32(EQUAL, R3, networkOrder16(0x8100), others);
        assembler.bind(oneTagAtMost);
        classifier.emit(assembler, ours, others);

        assembler.bind(ours);
        assembler.move(R0, BpfProgram.TC_SHOT);
        assembler.exit();
        assembler.bind(others);
        assembler.move(R0, BpfProgram.TC_NEXT);
        assembler.exit();
        return assembler;
    }

    /// {@return the program that drops}
    BpfProgram program() {
        return program;
    }

    /// {@return the program for packet sockets: it takes what may be ours}
    public BpfProgram tap() {
        return tap;
    }

    @Override
    public void update(Set<InetAddress> vips, Set<InetAddress> tunnelSources) {
        classifier.update(vips, tunnelSources);
        groups.update(vips);
    }

    @Override
    public String description() {
        return isClosed ? "not attached" : place;
    }

    @Override
    public void close() {
        if (isClosed) {
            return;
        }
        isClosed = true;
        try {
            link.close();
        } catch (Exception e) {
            throw new IllegalStateException("closing " + place, e);
        } finally {
            groups.close();
            tap.close();
            program.close();
            classifier.close();
        }
    }
}
