package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.BpfAssembler.Condition.ABOVE;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.ANY_BIT;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.NOT_EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.ADD;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R0;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R1;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R2;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R6;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R7;
import static io.penstock.forwarder.linux.BpfAssembler.Size.BYTE;
import static io.penstock.forwarder.linux.BpfAssembler.Size.HALF;
import static io.penstock.forwarder.linux.BpfAssembler.Size.WORD;
import static io.penstock.forwarder.linux.BpfAssembler.networkOrder16;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.forwarder.linux.BpfAssembler.Label;
import io.penstock.forwarder.linux.TrafficGenerator.Options;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("root")
class FlightTimesTest {
    // UDP 198.51.100.7:1234 > 192.0.2.1:53 without a UDP checksum.
    private static final byte[] FRAME = HexFormat.of()
            .parseHex("02000000000102000000000a08004500002e000000004011" + "0000" + "c6336407c0000201"
                    + "04d20035001a0000" + "00".repeat(18));
    private static final int ROUNDS = 10;
    private static final int PER_ROUND = 100; // Few enough for the receiver's ring of 256.
    private static final long GENEROUS_NS = 50_000_000;

    @Test
    void shouldTimeEachFrame() throws Exception {
        try (NetworkNamespaces net = NetworkNamespaces.open()) {
            String left = net.add("left");
            String right = net.add("right");
            net.veth(left, "a0", right, "b0", 1);
            try (var _ = net.enter(left);
                    FlightTimes times = net.inside(right, () -> new FlightTimes("b0"));
                    TrafficGenerator generator =
                            new TrafficGenerator(LinuxInterface.read("a0").index(), FRAME, Options.timed(64))) {
                assertEquals(0, times.ns(50), "nothing came");
                send(generator);
                assertEquals(ROUNDS * PER_ROUND, times.frames());
                assertTrue(times.ns(0.1) < times.ns(100), () -> times.ns(0.1) + " ns to " + times.ns(100));
                assertTrue(times.ns(50) < GENEROUS_NS, () -> "p50 " + times.ns(50) + " ns");
                times.reset();
                assertEquals(0, times.frames());
            }
        }
    }

    @Test
    void shouldNotTimeSyns() throws Exception {
        try (NetworkNamespaces net = NetworkNamespaces.open()) {
            String left = net.add("left");
            String right = net.add("right");
            net.veth(left, "a0", right, "b0", 1);
            try (var _ = net.enter(left);
                    FlightTimes times = net.inside(right, () -> new FlightTimes("b0"));
                    TrafficGenerator generator = new TrafficGenerator(
                            LinuxInterface.read("a0").index(),
                            FRAME,
                            Options.timed(64).withSyns(40))) {
                send(generator);
                assertEquals(ROUNDS * PER_ROUND * 4 / 10, generator.syns());
                assertEquals(ROUNDS * PER_ROUND * 6 / 10, times.frames());
            }
        }
    }

    /// The far end sends back what has an even source port, and drops the others.
    @Test
    void shouldMissWhatTheFarEndDrops() throws Exception {
        try (NetworkNamespaces net = NetworkNamespaces.open()) {
            String left = net.add("left");
            String right = net.add("right");
            net.veth(left, "a0", right, "b0", 1);
            try (var _ = net.enter(left);
                    FlightTimes times = new FlightTimes("a0");
                    BpfLink _ = net.inside(right, () -> sendBackHalf("b0"));
                    TrafficGenerator generator =
                            new TrafficGenerator(LinuxInterface.read("a0").index(), FRAME, Options.timed(64))) {
                send(generator);
                assertEquals(ROUNDS * PER_ROUND, generator.sent());
                assertEquals(ROUNDS * PER_ROUND / 2, times.frames());
                assertTrue(times.ns(50) < GENEROUS_NS, () -> "p50 " + times.ns(50) + " ns");
            }
        }
    }

    @Test
    void shouldTellLongFlights() throws Exception {
        try (NetworkNamespaces net = NetworkNamespaces.open()) {
            String left = net.add("left");
            String right = net.add("right");
            net.veth(left, "a0", right, "b0", 1);
            try (FlightTimes times = net.inside(right, () -> new FlightTimes("b0"));
                    RawSocket here = net.inside(left, () -> new RawSocket("a0"))) {
                // A frame that was stamped when the machine started is on its way for longer than anything.
                byte[] old = FRAME.clone();
                MemorySegment.ofArray(old).set(Memory.U64, TrafficGenerator.MARK_AT, TrafficGenerator.MARK);
                assertEquals(0, here.send(old));
                assertEquals(0, here.send(FRAME));
                Thread.sleep(20);
                assertEquals(1, times.frames(), "the frame without a stamp is not one of them");
                assertEquals(FlightTimes.LONGEST_NS, times.ns(50));
            }
        }
    }

    private static void send(TrafficGenerator generator) throws InterruptedException {
        for (int i = 0; i < ROUNDS; i++) {
            assertEquals(0, generator.send(PER_ROUND));
            Thread.sleep(2);
        }
    }

    private static BpfLink sendBackHalf(String link) {
        BpfAssembler assembler = new BpfAssembler();
        Label pass = new Label();
        Label drop = new Label();
        assembler.load(WORD, R6, R1, 0).load(WORD, R7, R1, 4);
        assembler.move(R2, R6).compute(ADD, R2, 42).jumpIf(ABOVE, R2, R7, pass);
        assembler.load(HALF, R2, R6, 12).jumpIf32(NOT_EQUAL, R2, networkOrder16(0x0800), pass);
        assembler.load(BYTE, R2, R6, 35).jumpIf(ANY_BIT, R2, 1, drop);
        assembler.move(R0, BpfProgram.XDP_TX).exit();
        assembler.bind(drop);
        assembler.move(R0, BpfProgram.XDP_DROP).exit();
        assembler.bind(pass);
        assembler.move(R0, BpfProgram.XDP_PASS).exit();
        try (BpfProgram program = BpfProgram.load(BpfProgram.Kind.XDP, "ps_half", assembler)) {
            LinuxInterface nic = LinuxInterface.read(link);
            return BpfLink.attachXdp(program, nic.name(), nic.index());
        }
    }
}
