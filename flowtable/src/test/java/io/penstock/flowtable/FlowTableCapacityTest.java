package io.penstock.flowtable;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.penstock.flowtable.FlowTable.Shape;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// The largest table that is promised: 16m IPv4 flows of which 90 % are in use, in about 600 MB.
@Tag("slow")
class FlowTableCapacityTest {
    private static final int LIMIT = 16 << 20;
    private static final int USED = LIMIT / 10 * 9;
    private static final long VIP = 0xcb00710aL;
    private static final int PORTS = 443;
    private static final int TCP = 6;

    private final FlowHash hash = new FlowHash(11, 12);

    @Test
    void shouldHoldFifteenMillionFlowsInASixteenMillionTable() throws IOException {
        long length = FlowTable.bytesFor(Shape.IPV4, LIMIT);
        long available = availableMemory();
        assumeTrue(available > 2 * length, () -> "needs " + 2 * length + " bytes of memory, available: " + available);
        assertTrue(length <= 64L * LIMIT);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(length, 64);
            FlowTable table = new FlowTable(Shape.IPV4, memory, LIMIT);
            for (int i = 0; i < USED; i++) {
                assertTrue(insert(table, i) != FlowTable.NONE, "no room at " + table.size());
            }
            assertEquals(USED, table.size());
            for (int i = 0; i < USED; i++) {
                long entry = find(table, i);
                assertTrue(entry != FlowTable.NONE && table.row(entry) == (i & 0xfffff), "flow " + i);
            }
            for (int i = USED; i < LIMIT; i++) {
                assertEquals(FlowTable.NONE, find(table, i));
            }
            FlowTableReader reader = new FlowTableReader(memory);
            int walked = 0;
            while (reader.next()) {
                walked++;
            }
            assertEquals(USED, walked);
            assertEquals(USED, new FlowTable(Shape.IPV4, memory, LIMIT).size(), "opened again");
        }
    }

    private static long addresses(int i) {
        return ((long) i << 32) | VIP;
    }

    private long find(FlowTable table, int i) {
        return table.find4(table.bucket(hash.hash4(addresses(i), PORTS, TCP)), addresses(i), PORTS, FlowTable.TCP);
    }

    private long insert(FlowTable table, int i) {
        long bucket = table.bucket(hash.hash4(addresses(i), PORTS, TCP));
        return table.insert4(bucket, addresses(i), PORTS, FlowTable.TCP, i & 0xfffff, 0, FlowState.HALF_OPEN, 0);
    }

    private static long availableMemory() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
            if (line.startsWith("MemAvailable:")) {
                return 1024 * Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        return 0;
    }
}
