package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.BpfAssembler.Condition.ABOVE;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.NOT_EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.ADD;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.SUBTRACT;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R0;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R1;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R10;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R2;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R3;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R6;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R7;
import static io.penstock.forwarder.linux.BpfAssembler.Size.HALF;
import static io.penstock.forwarder.linux.BpfAssembler.Size.WORD;
import static io.penstock.forwarder.linux.BpfAssembler.networkOrder16;

import io.penstock.forwarder.linux.BpfAssembler.Label;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// The other end of a benchmark's wire: a program that counts IPv4 and IPv6 frames and drops them. All other frames
/// (ARP, LLDP) go to the kernel.
public final class FrameSink implements AutoCloseable {
    /// Where on the way of a received frame the program is.
    public enum Place {
        /// Behind the driver, by TCX (Linux 6.6). All frames cost it the same, whoever sent them.
        TC(BpfProgram.Kind.TC_INGRESS, BpfProgram.TC_SHOT, BpfProgram.TC_NEXT),
        /// In the driver. A veth needs this for frames that an XDP program at its other end sends back; those that
        /// programs sent it has to copy first.
        XDP(BpfProgram.Kind.XDP, BpfProgram.XDP_DROP, BpfProgram.XDP_PASS);

        private final BpfProgram.Kind kind;
        private final int drop;
        private final int pass;

        Place(BpfProgram.Kind kind, int drop, int pass) {
            this.kind = kind;
            this.drop = drop;
            this.pass = pass;
        }
    }

    private static final int LENGTH = 0; // __sk_buff.len
    private static final int PROTOCOL = 16; // __sk_buff.protocol
    private static final byte[] ONLY = BpfMap.intBytes(0);

    private final BpfMap counts;
    private final BpfProgram program;
    private final BpfLink link;

    /// Attaches to an interface of the calling thread's network namespace.
    ///
    /// @throws LinuxException when it cannot be; nothing is left behind
    public FrameSink(String interfaceName, Place place) {
        LinuxInterface nic = LinuxInterface.read(interfaceName);
        counts = BpfMap.create(BpfMap.Kind.ARRAY, "ps_counts", 4, 16, 1);
        program = BpfProgram.load(place.kind, "ps_sink", assemble(counts, place));
        try {
            link = attach(nic, place);
        } catch (LinuxException e) {
            program.close();
            counts.close();
            throw e;
        }
    }

    private BpfLink attach(LinuxInterface nic, Place place) {
        BpfLink attached = place == Place.XDP
                ? BpfLink.attachXdp(program, nic.name(), nic.index())
                : BpfLink.attach(program, nic.name(), nic.index());
        if (attached == null) {
            throw new LinuxException(
                    "attach TCX to " + nic.name(),
                    -Errno.EINVAL.code(),
                    "this kernel has no TCX",
                    "use Linux 6.6 or later");
        }
        return attached;
    }

    /// {@return frames so far}
    public long frames() {
        return count(0);
    }

    /// {@return bytes of these frames}
    public long bytes() {
        return count(8);
    }

    @Override
    public void close() {
        link.close();
        program.close();
        counts.close();
    }

    private long count(int offset) {
        return MemorySegment.ofArray(Objects.requireNonNull(counts.get(ONLY))).get(Memory.U64, offset);
    }

    private static BpfAssembler assemble(BpfMap counts, Place place) {
        BpfAssembler assembler = new BpfAssembler();
        Label pass = new Label();
        Label count = new Label();
        if (place == Place.XDP) {
            assembler.load(WORD, R6, R1, 0);
            assembler.load(WORD, R7, R1, 4);
            assembler.move(R1, R6).compute(ADD, R1, 14).jumpIf(ABOVE, R1, R7, pass);
            assembler.load(HALF, R3, R6, 12);
            assembler.compute(SUBTRACT, R7, R6);
        } else {
            assembler.load(WORD, R7, R1, LENGTH);
            assembler.load(WORD, R3, R1, PROTOCOL);
        }
        assembler.jumpIf32(EQUAL, R3, networkOrder16(0x0800), count);
        assembler.jumpIf32(NOT_EQUAL, R3, networkOrder16(0x86dd), pass);
        assembler.bind(count);
        assembler.store(WORD, R10, -4, 0);
        assembler.loadMap(R1, counts).move(R2, R10).compute(ADD, R2, -4);
        assembler.call(BpfAssembler.MAP_LOOKUP);
        assembler.jumpIf(EQUAL, R0, 0, pass);
        assembler.move(R1, 1).atomicAdd(R0, 0, R1).atomicAdd(R0, 8, R7);
        assembler.move(R0, place.drop);
        assembler.exit();
        assembler.bind(pass);
        assembler.move(R0, place.pass);
        assembler.exit();
        return assembler;
    }
}
