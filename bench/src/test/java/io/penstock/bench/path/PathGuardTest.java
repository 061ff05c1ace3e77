package io.penstock.bench.path;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.bench.peer.CPrograms;
import io.penstock.control.cli.HostLacksException;
import io.penstock.flowtable.packet.PacketKind;
import io.penstock.flowtable.packet.PacketParser;
import io.penstock.flowtable.packet.ParsedBatch;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Holds the packet path to what it costs: no byte allocated a packet, and no more than so many times what the same
/// work costs in C on the same table. Times are never compared with a number, only with each other, in turns, and of
/// each the best: noise makes a run longer, never shorter. The limits are twice what was measured.
@Tag("slow")
class PathGuardTest {
    private static final int FLOWS = 1_000;
    private static final int ROUNDS = 12;
    private static final int ROUND_MS = 25;
    private static final double BARE_LIMIT = 4;
    private static final double WHOLE_LIMIT = 6;

    @TempDir
    private Path folder = Path.of("");

    @Test
    void shouldAllocateNothingForAPacket() throws IOException {
        try (PathBench bench = new PathBench("dr", FLOWS, 1 << 16, 1, null, folder)) {
            bench.known(500);
            assertEquals(0, bench.allocatedBytes(20, 1 << 15), "bytes allocated by 32,768 packets of known flows");
        }
    }

    @Test
    void shouldAllocateNothingForANewFlow() throws IOException {
        try (PathBench bench = new PathBench("dr", 1, 1 << 21, 1, null, folder)) {
            bench.open(1, 400_000);
            long fewest = Long.MAX_VALUE;
            for (int round = 0; round < 20; round++) { // The JIT may allocate in any one round, not in all of them.
                long before = PathBench.allocatedByThread();
                bench.open(400_001 + 10_240 * round, 10_240);
                fewest = Math.min(fewest, PathBench.allocatedByThread() - before);
            }
            assertEquals(0, fewest, "bytes allocated by 10,240 new flows");
        }
    }

    @Test
    void shouldCostNoMoreThanSoManyTimesTheLoopInC() throws IOException {
        try (CPrograms programs = compiler();
                PathBench bench = new PathBench("dr", FLOWS, 1 << 16, 1, programs.compile("path"), folder)) {
            bench.known(1_000);
            bench.bare(1_000);
            double whole = Double.MAX_VALUE;
            double bare = Double.MAX_VALUE;
            double c = Double.MAX_VALUE;
            for (int round = 0; round < ROUNDS; round++) {
                whole = Math.min(whole, bench.known(ROUND_MS));
                bare = Math.min(bare, bench.bare(ROUND_MS));
                c = Math.min(c, bench.c(ROUND_MS));
            }
            String measured = "ns a packet: whole path %.1f, bare loop %.1f, C %.1f".formatted(whole, bare, c);
            System.out.println(measured);
            assertTrue(bare < BARE_LIMIT * c, measured);
            assertTrue(whole < WHOLE_LIMIT * c, measured);
        }
    }

    /// The loop in C finds the flows that the worker has made: it throws when it misses one. So both agree on frames,
    /// hash and layout.
    @Test
    void shouldShareItsTableWithTheLoopInC() throws IOException {
        try (CPrograms programs = compiler();
                PathBench bench = new PathBench("dr", 50_000, 1 << 16, 1, programs.compile("path"), folder)) {
            assertTrue(bench.c(50) > 0);
            assertEquals(50_000, bench.path().flows().size());
        }
    }

    @Test
    void shouldForwardEveryPacketThroughEachTunnel() throws IOException {
        for (String forwarding : new String[] {"ipip", "gue", "gre"}) {
            try (PathBench bench = new PathBench(forwarding, FLOWS, 1 << 16, 1, null, folder)) {
                assertTrue(bench.known(5) > 0, forwarding); // It throws when one was not forwarded.
            }
        }
    }

    @Test
    void shouldForwardEveryPacketOfManyListeners() throws IOException {
        BenchPath path = new BenchPath("dr", 1 << 16, folder, new BenchPath.Pools(20, 50));
        try (PathBench bench = new PathBench(path, FLOWS, 1, null)) {
            assertTrue(bench.known(5) > 0);
        }
    }

    @Test
    void shouldStampFramesThatTheParserTakes() {
        try (Arena arena = Arena.ofConfined()) {
            FlowFrames frames = new FlowFrames(arena);
            ParsedBatch parsed = new ParsedBatch(1);
            for (int flow : new int[] {0, 1, 255, 65_535, 65_536, FlowFrames.FLOWS_MAX - 1}) {
                frames.stamp(0, flow, false);
                PacketParser.parse(frames.memory(), frames.offset(0), FlowFrames.LENGTH, parsed, 0);
                assertEquals(PacketKind.FLOW4, parsed.kind(0), "flow " + flow);
                assertEquals(0x0a00_0000 + flow, parsed.source4(0), "flow " + flow);
            }
        }
    }

    private static CPrograms compiler() {
        try {
            return CPrograms.open();
        } catch (HostLacksException e) {
            System.out.println("skipped: " + e.getMessage());
            return Assumptions.abort(e.getMessage());
        }
    }
}
