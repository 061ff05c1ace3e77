package io.penstock.bench.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.bench.kernel.LookupProgram.Extent;
import io.penstock.bench.path.BenchPath;
import io.penstock.bench.path.FlowFrames;
import io.penstock.bench.path.KernelLoop;
import io.penstock.flowtable.FlowHash;
import io.penstock.flowtable.FlowState;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.TickClock;
import io.penstock.forwarder.linux.BpfProgram;
import io.penstock.forwarder.path.BackendRecords;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// The kernel and a worker on the same flow table: what the worker entered, the kernel finds, and it does with a
/// packet what the worker would have done, or nothing at all.
@Tag("root")
class LookupProgramTest {
    private static final int LIMIT = 1 << 16;
    private static final int L3 = 14;
    private static final int L4 = 34;

    private KernelTables tables;
    private BenchPath path;
    private BpfProgram program;

    @BeforeEach
    void open() throws IOException {
        boolean root = "root".equals(System.getProperty("user.name"));
        if (!root) {
            System.out.println("skipped: BPF maps and programs need root");
        }
        Assumptions.assumeTrue(root, "BPF maps and programs need root");
        tables = new KernelTables(LIMIT, BenchPath.ROWS);
        path = new BenchPath("dr", LIMIT, tables);
        program = LookupProgram.load(
                tables, path.hash(), path.flows().lineCount(), path.mac(), Extent.WHOLE, LookupProgramTest::nothing);
    }

    @AfterEach
    void close() {
        if (program != null) {
            program.close();
            path.close();
            tables.close();
        }
    }

    @Test
    void shouldHashAsJavaDoes() {
        Random random = random();
        FlowHash hash = new FlowHash(random.nextLong(), random.nextLong());
        try (BpfProgram hashing = LookupProgram.loadHash(hash)) {
            for (int i = 0; i < 10_000; i++) {
                long addresses = random.nextLong();
                int ports = random.nextInt();
                int protocol = random.nextBoolean() ? 6 : 17;
                byte[] frame = new byte[FlowFrames.LENGTH];
                ByteBuffer fields = ByteBuffer.wrap(frame);
                fields.put(L3 + 9, (byte) protocol).putLong(L3 + 12, addresses).putInt(L4, ports);
                byte[] after = hashing.run(frame).frame();
                assertEquals(
                        hash.hash4(addresses, ports, protocol),
                        ByteBuffer.wrap(after).order(ByteOrder.nativeOrder()).getLong(),
                        () -> HexFormat.of().formatHex(frame));
            }
        }
    }

    @Test
    void shouldSendTheVeryBytesThatThePacketPathSends() {
        Random random = random();
        path.open(0, FlowFrames.COUNT);
        for (int i = 0; i < FlowFrames.COUNT; i++) {
            path.frames().stamp(i, i, false);
            byte[] frame = path.frames().bytes(i);
            ByteBuffer fields = ByteBuffer.wrap(frame);
            fields.putShort(L3 + 4, (short) random.nextInt()).put(L3 + 8, (byte) (2 + random.nextInt(254)));
            correctChecksum(fields);
            write(i, frame);
        }
        byte[][] fromKernel = new byte[FlowFrames.COUNT][];
        for (int i = 0; i < FlowFrames.COUNT; i++) {
            BpfProgram.Outcome outcome = program.run(path.frames().bytes(i));
            assertEquals(BpfProgram.XDP_TX, outcome.verdict(), "frame " + i);
            fromKernel[i] = outcome.frame();
        }
        path.forward();
        for (int i = 0; i < FlowFrames.COUNT; i++) {
            assertArrayEquals(path.frames().bytes(i), fromKernel[i], "frame " + i);
        }
    }

    @Test
    void shouldCountWhereTheWorkerCounts() {
        path.open(0, 1);
        long entry = entryOf(0);
        long packets = path.flows().packets(entry);
        long bytes = path.flows().bytes(entry);
        path.frames().stamp(0, 0, false);
        for (int i = 0; i < 3; i++) {
            assertEquals(BpfProgram.XDP_TX, program.run(path.frames().bytes(0)).verdict());
        }
        assertEquals(packets + 3, path.flows().packets(entry));
        assertEquals(bytes + 3 * 40, path.flows().bytes(entry));
        int idleTicks = TickClock.elapsed(
                TickClock.ticks(System.nanoTime()), path.flows().lastSeen(entry));
        assertTrue(idleTicks <= 2, "seen " + idleTicks + " ticks ago");
        long[] cells = tables.cells(BenchPath.BACKENDS);
        int row = path.flows().row(entry);
        assertEquals(List.of(3L, 120L), List.of(cells[2 * row], cells[2 * row + 1]));
        assertEquals(3, tables.packets(BenchPath.BACKENDS));
    }

    @Test
    void shouldFindFlowsFarFromHome() {
        int flows = LIMIT * 9 / 10;
        path.open(0, flows);
        Random random = random();
        for (int i = 0; i < 4_000; i++) {
            int flow = random.nextInt(flows + 4_000);
            boolean known = entryOf(flow) != FlowTable.NONE;
            path.frames().stamp(0, flow, false);
            assertEquals(
                    known ? BpfProgram.XDP_TX : BpfProgram.XDP_PASS,
                    program.run(path.frames().bytes(0)).verdict(),
                    "flow " + flow);
        }
    }

    @Test
    void shouldLoopOverAllFlows() {
        int flows = 1_000;
        path.open(0, flows);
        try (KernelLoop loop = KernelLoop.of(path, tables, flows, 1, Extent.WHOLE)) {
            assertTrue(loop.run(5) > 0);
            assertEquals(loop.packets(), tables.packets(BenchPath.BACKENDS));
            int unseen = 0;
            for (int flow = 0; flow < flows; flow++) {
                unseen += path.flows().packets(entryOf(flow)) < 3 ? 1 : 0; // SYN and ACK were the worker's.
            }
            assertEquals(loop.packets() > 30L * flows, unseen == 0, loop.packets() + " packets, unseen: " + unseen);
        }
    }

    static List<Arguments> oddFrames() {
        return List.of(
                odd("a flow that nobody knows", frame -> frame.put(L3 + 15, (byte) 77)),
                odd("another destination port", frame -> frame.putShort(L4 + 2, (short) 81)),
                odd(
                        "UDP with the same ports",
                        frame -> frame.put(L3 + 9, (byte) 17).putShort(L4 + 4, (short) 20)),
                odd("SYN", frame -> frame.put(L4 + 13, (byte) 0x02)),
                odd("FIN", frame -> frame.put(L4 + 13, (byte) 0x11)),
                odd("RST", frame -> frame.put(L4 + 13, (byte) 0x04)),
                odd("TTL 1", frame -> frame.put(L3 + 8, (byte) 1)),
                odd("TTL 0", frame -> frame.put(L3 + 8, (byte) 0)),
                odd("more fragments", frame -> frame.putShort(L3 + 6, (short) 0x2000)),
                odd("a later fragment", frame -> frame.putShort(L3 + 6, (short) 5)),
                odd("IPv4 options", frame -> frame.put(L3, (byte) 0x46)),
                odd("ICMP", frame -> frame.put(L3 + 9, (byte) 1)),
                odd("a length beyond the frame", frame -> frame.putShort(L3 + 2, (short) 47)),
                odd("a length short of the TCP header", frame -> frame.putShort(L3 + 2, (short) 39)),
                odd("a TCP header beyond the packet", frame -> frame.put(L4 + 12, (byte) 0x60)),
                odd("a TCP header of 16 bytes", frame -> frame.put(L4 + 12, (byte) 0x40)),
                Arguments.of("a wrong checksum", (Consumer<ByteBuffer>) frame -> frame.put(L3 + 10, (byte) 0x5a)),
                odd("a VLAN tag", frame -> frame.putShort(12, (short) 0x8100)),
                odd("IPv6", frame -> frame.putShort(12, (short) 0x86dd)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("oddFrames")
    void shouldLeaveToTheWorker(String why, Consumer<ByteBuffer> change) {
        path.open(0, 1);
        path.frames().stamp(0, 0, false);
        byte[] frame = path.frames().bytes(0);
        assertEquals(BpfProgram.XDP_TX, program.run(frame).verdict());
        change.accept(ByteBuffer.wrap(frame));
        assertPassedUntouched(why, frame);
    }

    @Test
    void shouldLeaveACutFrameToTheWorker() {
        path.open(0, 1);
        path.frames().stamp(0, 0, false);
        byte[] frame = path.frames().bytes(0);
        for (int length = 14; length < L4 + 20; length++) {
            assertPassedUntouched(length + " bytes", Arrays.copyOf(frame, length));
        }
    }

    @Test
    void shouldLeaveAFlowThatIsNotEstablishedToTheWorker() {
        path.open(0, 1);
        path.frames().stamp(0, 0, false);
        for (int state : new int[] {FlowState.HALF_OPEN, FlowState.CLOSING, FlowState.RESET}) {
            path.flows().setState(entryOf(0), state);
            assertPassedUntouched(FlowState.name(state), path.frames().bytes(0));
        }
        path.flows().remove(entryOf(0));
        assertPassedUntouched("removed", path.frames().bytes(0));
    }

    static List<Arguments> changedBackends() {
        int usual = BackendRecords.IN_USE | BackendRecords.ACCEPTS_NEW | BackendRecords.HEALTHY;
        return List.of(
                changed("gone", (records, row) -> records.setFlags(row, 0)),
                changed(
                        "its flows are reset",
                        (records, row) -> records.setFlags(row, usual | BackendRecords.RESET << 8)),
                changed(
                        "its listener is stopped",
                        (records, row) -> records.setFlags(row, usual | BackendRecords.STOPPED << 8)),
                changed("behind a tunnel", (records, row) -> records.setFlags(row, usual | 1 << 12)),
                changed("no next hop", (records, row) -> records.reach(row, BackendRecords.NO_MAC, 1500)),
                changed("a smaller link", (records, row) -> records.reach(row, 0x0200_0000_0007L, 39)),
                changed("another owner", (records, row) -> {
                    records.describe(row, 2, usual, 0, 1 << 20, 0, 0, 0);
                    records.reach(row, 0x0200_0000_0007L, 1500);
                }));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("changedBackends")
    void shouldLeaveToTheWorkerWhatBecomesOfABackend(String why, BackendChange change) {
        path.open(0, 1);
        path.frames().stamp(0, 0, false);
        byte[] frame = path.frames().bytes(0);
        assertEquals(BpfProgram.XDP_TX, program.run(frame).verdict());
        change.apply(path.records(), path.flows().row(entryOf(0)));
        assertPassedUntouched(why, frame);
    }

    @Test
    void shouldLeaveAFlowThatWasSilentForTooLongToTheWorker() {
        path.open(0, 1);
        long entry = entryOf(0);
        path.frames().stamp(0, 0, false);
        int idleTicks = path.records().idleTicks(path.flows().row(entry));
        int now = TickClock.ticks(System.nanoTime());
        path.flows().seen(entry, now - idleTicks - 2, 40);
        assertPassedUntouched("silent", path.frames().bytes(0));
        path.flows().seen(entry, now - idleTicks + 600, 40); // ten seconds less
        assertEquals(BpfProgram.XDP_TX, program.run(path.frames().bytes(0)).verdict());
        path.flows().seen(entry, now + 600, 40); // by a clock ahead of the kernel's
        assertEquals(BpfProgram.XDP_TX, program.run(path.frames().bytes(0)).verdict());
    }

    /// A writer that takes flows away and enters others in their slots all the time, and a kernel that looks for them:
    /// it may miss one, but never sends one flow's packet to another's backend, and never harms the table's steps.
    @Test
    void shouldNeverSendToAnotherFlowsBackendWhileSlotsChangeHands() throws InterruptedException {
        int rows = 61;
        int flows = 64;
        try (KernelTables small = new KernelTables(16, rows)) {
            FlowTable table = new FlowTable(FlowTable.Shape.IPV4, small.flows(), 16);
            BackendRecords records = new BackendRecords(small.records());
            for (int row = 0; row < rows; row++) {
                records.describe(row, 1, BackendRecords.IN_USE, 0, 1 << 20, 0, 0, 0);
                records.reach(row, 0x0200_0000_0000L + row, 1500);
            }
            byte[][] frames = new byte[flows][];
            for (int flow = 0; flow < flows; flow++) {
                path.frames().stamp(0, flow, false);
                frames[flow] = path.frames().bytes(0);
            }
            AtomicBoolean running = new AtomicBoolean(true);
            long seed = seed();
            Thread writer = new Thread(() -> churn(table, frames, rows, new Random(seed), running), "ps-churn");
            int sent = 0;
            try (BpfProgram looking = LookupProgram.load(
                    small, path.hash(), table.lineCount(), path.mac(), Extent.WHOLE, LookupProgramTest::nothing)) {
                writer.start();
                long endNs = System.nanoTime() + 1_500_000_000L;
                for (int i = 0; System.nanoTime() < endNs; i++) {
                    BpfProgram.Outcome outcome = looking.run(frames[i % flows]);
                    if (outcome.verdict() == BpfProgram.XDP_TX) {
                        sent++;
                        assertEquals(i % flows % rows, outcome.frame()[5], "backend of flow " + i % flows);
                    }
                }
            } finally {
                running.set(false);
                writer.join();
            }
            assertNotEquals(0, sent);
            long found = 0;
            for (byte[] frame : frames) {
                found += find(table, frame) == FlowTable.NONE ? 0 : 1;
            }
            assertEquals(table.size(), found, "flows that are in the table and can be found");
        }
    }

    private void churn(FlowTable table, byte[][] frames, int rows, Random random, AtomicBoolean running) {
        while (running.get()) {
            int flow = random.nextInt(frames.length);
            ByteBuffer fields = ByteBuffer.wrap(frames[flow]);
            long entry = find(table, frames[flow]);
            int now = TickClock.ticks(System.nanoTime());
            if (entry != FlowTable.NONE) {
                table.remove(entry);
            } else {
                table.insert4(
                        table.bucket(hash(fields)),
                        fields.getLong(L3 + 12),
                        fields.getInt(L4),
                        FlowTable.TCP,
                        flow % rows,
                        1,
                        FlowState.ESTABLISHED,
                        now);
            }
            table.sweep(1, now);
        }
    }

    private long find(FlowTable table, byte[] frame) {
        ByteBuffer fields = ByteBuffer.wrap(frame);
        return table.find4(table.bucket(hash(fields)), fields.getLong(L3 + 12), fields.getInt(L4), FlowTable.TCP);
    }

    private long hash(ByteBuffer fields) {
        return path.hash().hash4(fields.getLong(L3 + 12), fields.getInt(L4), 6);
    }

    private long entryOf(int flow) {
        path.frames().stamp(FlowFrames.COUNT - 1, flow, false);
        return find(path.flows(), path.frames().bytes(FlowFrames.COUNT - 1));
    }

    private void assertPassedUntouched(String why, byte[] frame) {
        BpfProgram.Outcome outcome = program.run(frame);
        assertEquals(BpfProgram.XDP_PASS, outcome.verdict(), why);
        assertArrayEquals(frame, outcome.frame(), why);
    }

    private void write(int i, byte[] frame) {
        MemorySegment.copy(
                frame,
                0,
                path.frames().memory(),
                ValueLayout.JAVA_BYTE,
                path.frames().offset(i),
                frame.length);
    }

    private static void correctChecksum(ByteBuffer fields) {
        fields.putShort(L3 + 10, (short) 0);
        int sum = 0;
        for (int at = L3; at < L4; at += 2) {
            sum += fields.getShort(at) & 0xffff;
        }
        sum = (sum & 0xffff) + (sum >>> 16);
        fields.putShort(L3 + 10, (short) ~((sum & 0xffff) + (sum >>> 16)));
    }

    private static Arguments odd(String why, Consumer<ByteBuffer> change) {
        return Arguments.of(why, change.andThen(LookupProgramTest::correctChecksum));
    }

    private static Arguments changed(String why, BackendChange change) {
        return Arguments.of(why, change);
    }

    interface BackendChange {
        void apply(BackendRecords records, int row);
    }

    private static Random random() {
        return new Random(seed());
    }

    private static long seed() {
        long seed = Long.getLong("penstock.seed", System.nanoTime());
        System.out.println("seed: -Dpenstock.seed=" + seed);
        return seed;
    }

    private static void nothing(Object assembler) {}
}
