package io.penstock.flowtable;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.flowtable.FlowTable.Shape;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// SIGKILL for real: a process changes tables in mapped files as fast as it can until it is killed, and the tables are
/// then opened here. Every flow and every client in them has the backend that belongs to it.
class KilledProcessTest {
    private static final int LIMIT = 4096;
    private static final int IDS = 6000;
    private static final int CAPACITY = 256;
    private static final TestFlows FLOWS4 = new TestFlows(Shape.IPV4);
    private static final TestFlows FLOWS6 = new TestFlows(Shape.IPV6);

    private static int row(int id, int generation) {
        return (id * 61 + generation * 7) & 0xfffff;
    }

    /// The process that is killed.
    static final class Writer {
        private Writer() {}

        /// @param arguments the folder
        public static void main(String[] arguments) throws IOException {
            Path folder = Path.of(arguments[0]);
            try (Arena arena = Arena.ofShared()) {
                FlowTable table4 = open4(map(folder, arena, "flows4", FlowTable.bytesFor(Shape.IPV4, LIMIT)));
                FlowTable table6 = open6(map(folder, arena, "flows6", FlowTable.bytesFor(Shape.IPV6, LIMIT)));
                AffinityTable clients =
                        new AffinityTable(map(folder, arena, "clients", AffinityTable.bytesFor(CAPACITY)), CAPACITY);
                SplittableRandom random = new SplittableRandom();
                int nowTicks = 0;
                boolean said = false;
                for (long i = 0; ; i++) {
                    change(FLOWS4, table4, random, nowTicks);
                    change(FLOWS6, table6, random, nowTicks);
                    int id = random.nextInt(IDS);
                    int generation = random.nextInt(64);
                    clients.put(FLOWS4.hash(id), row(id, generation), generation, nowTicks);
                    nowTicks += (int) (i & 1);
                    if (!said && i > 20_000) {
                        System.out.println("busy");
                        said = true;
                    }
                }
            }
        }
    }

    private static MemorySegment map(Path folder, Arena arena, String name, long length) throws IOException {
        try (FileChannel file = FileChannel.open(
                folder.resolve(name), StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
            return file.map(MapMode.READ_WRITE, 0, length, arena);
        }
    }

    private static FlowTable open4(MemorySegment memory) {
        return new FlowTable(Shape.IPV4, memory, LIMIT);
    }

    private static FlowTable open6(MemorySegment memory) {
        return new FlowTable(Shape.IPV6, memory, LIMIT);
    }

    private static void change(TestFlows flows, FlowTable table, SplittableRandom random, int nowTicks) {
        int id = random.nextInt(IDS);
        int generation = random.nextInt(64);
        long entry = flows.find(table, id);
        if (entry == FlowTable.NONE) {
            flows.insert(table, id, row(id, generation), generation, random.nextInt(1, 5), nowTicks);
        } else if (random.nextBoolean()) {
            table.assign(entry, row(id, generation), generation);
            table.seen(entry, nowTicks, 100);
        } else {
            table.remove(entry);
        }
    }

    @Test
    void shouldLeaveEveryFlowWithItsOwnBackend(@TempDir Path folder) throws Exception {
        for (int kill = 0; kill < 3; kill++) {
            killAWriter(folder);
            try (Arena arena = Arena.ofConfined()) {
                assertRight(FLOWS4, open4(map(folder, arena, "flows4", FlowTable.bytesFor(Shape.IPV4, LIMIT))));
                assertRight(FLOWS6, open6(map(folder, arena, "flows6", FlowTable.bytesFor(Shape.IPV6, LIMIT))));
                assertRight(
                        new AffinityTable(map(folder, arena, "clients", AffinityTable.bytesFor(CAPACITY)), CAPACITY));
            }
        }
    }

    private static void killAWriter(Path folder) throws Exception {
        Process process = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Writer.class.getName(),
                        folder.toString()))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try {
            assertEquals("busy", process.inputReader().readLine());
            Thread.sleep(50);
        } finally {
            process.destroyForcibly();
            assertTrue(process.waitFor(10, TimeUnit.SECONDS));
        }
    }

    private static void assertRight(TestFlows flows, FlowTable table) {
        int found = 0;
        for (int id = 0; id < IDS; id++) {
            long entry = flows.find(table, id);
            if (entry != FlowTable.NONE) {
                found++;
                assertEquals(row(id, table.generation(entry)), table.row(entry), "backend of flow " + id);
            }
        }
        assertEquals(table.size(), found, "every live entry is found by its key");
        assertTrue(found > 1000, "flows: " + found);
    }

    private static void assertRight(AffinityTable clients) {
        int found = 0;
        for (int id = 0; id < IDS; id++) {
            int backend = clients.find(FLOWS4.hash(id), 0, Integer.MAX_VALUE);
            if (backend != AffinityTable.NONE) {
                found++;
                int generation = AffinityTable.generation(backend);
                assertEquals(row(id, generation), AffinityTable.row(backend), "backend of client " + id);
            }
        }
        assertTrue(found > CAPACITY, "clients: " + found);
    }
}
