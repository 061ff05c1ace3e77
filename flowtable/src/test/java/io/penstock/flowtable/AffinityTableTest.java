package io.penstock.flowtable;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/// Shows S2-57, S2-59, S2-61.
class AffinityTableTest {
    private static final int NOW = TestFlows.START_TICKS;
    private static final int TIMEOUT_TICKS = 100;
    private static final int WINDOW = 8;

    private final FlowHash hash = new FlowHash(9, 10);

    private static MemorySegment memory(long capacity) {
        return Arena.ofAuto().allocate(AffinityTable.bytesFor(capacity), 128);
    }

    private static AffinityTable table(long capacity) {
        return new AffinityTable(memory(capacity), capacity);
    }

    /// A fingerprint of the window that all fingerprints of small tables share.
    private static long client(int i) {
        return (long) (i + 1) << 32;
    }

    private static int find(AffinityTable table, int client, int nowTicks) {
        return table.find(client(client), nowTicks, TIMEOUT_TICKS);
    }

    @Test
    void shouldKeepAClientWithItsBackend() {
        AffinityTable table = table(4);
        assertEquals(AffinityTable.NONE, find(table, 1, NOW));

        table.put(client(1), 0xfffff, 63, NOW);

        int backend = find(table, 1, NOW);
        assertEquals(0xfffff, AffinityTable.row(backend));
        assertEquals(63, AffinityTable.generation(backend));
        assertEquals(AffinityTable.backend(0xfffff, 63), backend);
        assertEquals(AffinityTable.NONE, find(table, 2, NOW));
    }

    @Test
    void shouldLetAClientWithoutUseGo() {
        AffinityTable table = table(4);
        table.put(client(1), 7, 0, NOW);

        assertEquals(7, find(table, 1, NOW + TIMEOUT_TICKS));
        assertEquals(AffinityTable.NONE, find(table, 1, NOW + TIMEOUT_TICKS + 1));
        assertEquals(AffinityTable.NONE, table.touch(client(1), NOW + TIMEOUT_TICKS + 1, TIMEOUT_TICKS));
    }

    @Test
    void shouldSlideItsWindowWithUse() {
        AffinityTable table = table(4);
        table.put(client(1), 7, 0, NOW);
        for (int i = 1; i <= 10; i++) {
            assertEquals(7, table.touch(client(1), NOW + i * TIMEOUT_TICKS, TIMEOUT_TICKS));
        }
        assertEquals(7, table.putIfAbsent(client(1), 8, 0, NOW + 11 * TIMEOUT_TICKS, TIMEOUT_TICKS));
        assertEquals(7, find(table, 1, NOW + 12 * TIMEOUT_TICKS));
    }

    @Test
    void shouldNotTurnTimeBack() {
        AffinityTable table = table(4);
        table.put(client(1), 7, 0, NOW);
        assertEquals(7, table.touch(client(1), NOW - 50, TIMEOUT_TICKS)); // a worker whose clock was read earlier
        assertEquals(7, find(table, 1, NOW + TIMEOUT_TICKS));
    }

    @Test
    void shouldNotTakeAClientFromItsBackend() {
        AffinityTable table = table(4);
        assertEquals(7, table.putIfAbsent(client(1), 7, 0, NOW, TIMEOUT_TICKS));
        assertEquals(7, table.putIfAbsent(client(1), 8, 0, NOW + 1, TIMEOUT_TICKS));
        assertEquals(9, table.putIfAbsent(client(1), 9, 0, NOW + TIMEOUT_TICKS + 2, TIMEOUT_TICKS));
        assertEquals(9, find(table, 1, NOW + TIMEOUT_TICKS + 2));
    }

    @Test
    void shouldReplaceOnlyTheBackendThatIsOfNoUse() {
        AffinityTable table = table(4);
        int gone = AffinityTable.backend(7, 1);
        table.put(client(1), 7, 1, NOW);

        assertEquals(8, table.replace(client(1), gone, 8, 0, NOW));
        assertEquals(8, table.replace(client(1), gone, 9, 0, NOW));
        assertEquals(8, find(table, 1, NOW));
        assertEquals(5, table.replace(client(2), gone, 5, 0, NOW), "a client that has none yet");
    }

    @Test
    void shouldOverwrite() {
        AffinityTable table = table(4);
        table.put(client(1), 7, 1, NOW);
        table.put(client(1), 7, 2, NOW);
        table.put(client(1), 7, 2, NOW + 3);

        assertEquals(AffinityTable.backend(7, 2), find(table, 1, NOW + 3 + TIMEOUT_TICKS));
    }

    @Test
    void shouldDisplaceTheOldestWhenItsWindowIsFull() {
        AffinityTable table = table(4);
        for (int i = 0; i < WINDOW; i++) {
            table.put(client(i), i, 0, NOW + i);
        }
        table.touch(client(0), NOW + 20, TIMEOUT_TICKS);

        table.put(client(50), 50, 0, NOW + 30); // instead of 1
        assertEquals(51, table.putIfAbsent(client(51), 51, 0, NOW + 30, TIMEOUT_TICKS)); // instead of 2

        assertEquals(0, find(table, 0, NOW + 30));
        assertEquals(AffinityTable.NONE, find(table, 1, NOW + 30));
        assertEquals(AffinityTable.NONE, find(table, 2, NOW + 30));
        for (int i = 3; i < WINDOW; i++) {
            assertEquals(i, find(table, i, NOW + 30));
        }
        assertEquals(50, find(table, 50, NOW + 30));
        assertEquals(51, find(table, 51, NOW + 30));
    }

    @Test
    void shouldHoldAFingerprintOfZero() {
        AffinityTable table = table(4);
        assertEquals(AffinityTable.NONE, table.find(0, NOW, TIMEOUT_TICKS));
        table.put(0, 3, 0, NOW);
        assertEquals(3, table.find(0, NOW, TIMEOUT_TICKS));
    }

    @Test
    void shouldHoldNearlyAllOfItsCapacity() {
        int capacity = 1 << 16;
        AffinityTable table = table(capacity);
        for (int i = 0; i < capacity; i++) {
            table.put(hash.client4(i, 32), i, 0, NOW);
        }
        int kept = 0;
        for (int i = 0; i < capacity; i++) {
            int backend = table.find(hash.client4(i, 32), NOW, TIMEOUT_TICKS);
            assertTrue(backend == AffinityTable.NONE || backend == i);
            kept += backend == i ? 1 : 0;
        }
        System.out.printf("kept %.2f %% of %d clients%n", 100.0 * kept / capacity, capacity);
        assertTrue(kept > 0.97 * capacity, "kept: " + kept);
    }

    @Test
    void shouldGoOnWithWhatIsInItsMemory() {
        MemorySegment memory = memory(100);
        AffinityTable before = new AffinityTable(memory, 100);
        for (int i = 0; i < 100; i++) {
            before.put(hash.client4(i, 32), i, 5, NOW);
        }

        AffinityTable after = new AffinityTable(memory, 100);
        AffinityTable reader = AffinityTable.reader(memory.asReadOnly());

        for (int i = 0; i < 100; i++) {
            long fingerprint = hash.client4(i, 32);
            int expected = before.find(fingerprint, NOW, TIMEOUT_TICKS);
            assertEquals(expected, after.find(fingerprint, NOW, TIMEOUT_TICKS));
            assertEquals(expected, reader.find(fingerprint, NOW, TIMEOUT_TICKS));
        }
    }

    @Test
    void shouldRefuseWhatItCannotOpen() {
        MemorySegment memory = memory(100);
        new AffinityTable(memory, 100);

        assertTrue(AffinityTable.canOpen(memory, 120), "another capacity with the same slots");
        assertFalse(AffinityTable.canOpen(memory, 20));
        assertFalse(AffinityTable.canOpen(memory, 1000));
        assertThrows(IllegalArgumentException.class, () -> new AffinityTable(memory, 20));
        assertThrows(IllegalArgumentException.class, () -> new AffinityTable(memory, 1000));
        assertThrows(IllegalArgumentException.class, () -> AffinityTable.bytesFor(0));
        memory.set(ValueLayout.JAVA_INT, 8, 2);
        assertThrows(IllegalArgumentException.class, () -> new AffinityTable(memory, 100));
        assertThrows(IllegalArgumentException.class, () -> AffinityTable.reader(memory));
        assertThrows(IllegalArgumentException.class, () -> AffinityTable.reader(memory(100)));
    }

    /// A process that was killed while it claimed or announced slots: the next one has all of them again.
    @Test
    void shouldTakeOverTheSlotsOfAKilledProcess() {
        MemorySegment memory = memory(4);
        new AffinityTable(memory, 4);
        long claimed = 1L << 62 | 1L << 50; // by ticket 0 of the first epoch
        long announced = 2L << 62 | 1L << 50;
        for (int slot = 0; slot < WINDOW; slot++) {
            memory.set(ValueLayout.JAVA_LONG, 128 + 16 * slot, client(slot));
            memory.set(ValueLayout.JAVA_LONG, 128 + 16 * slot + 8, slot % 2 == 0 ? claimed : announced);
        }

        AffinityTable next = new AffinityTable(memory, 4);
        for (int i = 0; i < WINDOW; i++) {
            assertEquals(AffinityTable.NONE, find(next, i, NOW), "announced, not published");
        }
        for (int i = 0; i < WINDOW; i++) {
            assertEquals(i, next.putIfAbsent(client(i), i, 0, NOW, TIMEOUT_TICKS));
        }
        for (int i = 0; i < WINDOW; i++) {
            assertEquals(i, find(next, i, NOW));
        }
    }

    /// Slots that other workers hold at this moment are left alone; the caller keeps its own choice and does not wait.
    @Test
    void shouldNotWaitForOthers() {
        MemorySegment memory = memory(4);
        AffinityTable table = new AffinityTable(memory, 4);
        long claimed = 1L << 62 | 1L << 50; // by ticket 0 of this epoch
        for (int slot = 0; slot < WINDOW; slot++) {
            memory.set(ValueLayout.JAVA_LONG, 128 + 16 * slot + 8, claimed);
        }

        assertEquals(5, table.putIfAbsent(client(1), 5, 0, NOW, TIMEOUT_TICKS));
        assertEquals(AffinityTable.NONE, find(table, 1, NOW));
    }

    /// A worker that stands still after it announced a client does not hold up others that place the same one.
    @Test
    void shouldOvertakeARivalThatStandsStill() {
        MemorySegment memory = memory(4);
        AffinityTable table = new AffinityTable(memory, 4);
        memory.set(ValueLayout.JAVA_LONG, 128, client(1));
        memory.set(ValueLayout.JAVA_LONG, 128 + 8, 2L << 62 | 1L << 50);

        assertEquals(5, table.putIfAbsent(client(1), 5, 0, NOW, TIMEOUT_TICKS));
        assertEquals(5, find(table, 1, NOW));
        assertEquals(0, memory.get(ValueLayout.JAVA_LONG, 128 + 8), "its announcement is withdrawn");
    }

    @Test
    void shouldDoWhatAMapDoes() {
        SplittableRandom random = Seeds.random(AffinityTableTest.class);
        AffinityTable table = table(1 << 12);
        Map<Integer, int[]> model = new HashMap<>(); // client to backend, last use
        int nowTicks = NOW;
        int lost = 0;
        for (int i = 0; i < 1_000_000; i++) {
            int client = random.nextInt(1 << 11); // half of the capacity: windows hardly ever overflow
            long fingerprint = hash.client4(client, 32);
            nowTicks += random.nextInt(40) == 0 ? 1 : 0;
            int[] known = model.get(client);
            boolean isKnown = known != null && TickClock.elapsed(nowTicks, known[1]) <= TIMEOUT_TICKS;
            int found = table.find(fingerprint, nowTicks, TIMEOUT_TICKS);
            if (known != null && isKnown && found == AffinityTable.NONE) {
                lost++;
                isKnown = false;
            }
            assertEquals(known != null && isKnown ? known[0] : AffinityTable.NONE, found);
            int row = random.nextInt(1 << 20);
            int result = row;
            switch (random.nextInt(8)) {
                case 0 -> table.put(fingerprint, row, 0, nowTicks);
                case 1, 2 -> {
                    result = table.putIfAbsent(fingerprint, row, 0, nowTicks, TIMEOUT_TICKS);
                    assertEquals(isKnown ? found : row, result);
                }
                case 3 -> {
                    result = table.touch(fingerprint, nowTicks, TIMEOUT_TICKS);
                    assertEquals(found, result);
                }
                default -> {
                    continue;
                }
            }
            if (result != AffinityTable.NONE) {
                model.put(client, new int[] {result, nowTicks});
            }
        }
        assertTrue(lost < 100, "clients displaced while in use: " + lost);
    }

    /// Four workers place the same clients, in small windows that overflow, and find some of their backends gone.
    @Test
    void shouldAgreeAmongWorkers() throws Exception {
        int workers = 4;
        int rounds = 20_000;
        AffinityTable table = table(64);
        long seed = Seeds.random(AffinityTableTest.class).nextLong();
        int[][] results = new int[workers][rounds];
        CyclicBarrier barrier = new CyclicBarrier(workers);
        List<CompletableFuture<Void>> running = new ArrayList<>();
        for (int worker = 0; worker < workers; worker++) {
            int own = worker;
            running.add(CompletableFuture.runAsync(
                    () -> {
                        SplittableRandom clients = new SplittableRandom(seed); // the same for all
                        for (int round = 0; round < rounds; round++) {
                            if (round % 500 == 0) {
                                await(barrier);
                            }
                            long client = hash.client4(clients.nextInt(), 32);
                            results[own][round] =
                                    table.putIfAbsent(client, own, round & 63, NOW + round / 100, TIMEOUT_TICKS);
                        }
                    },
                    Thread::startVirtualThread));
        }
        for (CompletableFuture<Void> each : running) {
            each.get(60, TimeUnit.SECONDS);
        }
        for (int round = 0; round < rounds; round++) {
            for (int worker = 0; worker < workers; worker++) {
                assertTrue(AffinityTable.row(results[worker][round]) < workers);
                assertEquals(round & 63, AffinityTable.generation(results[worker][round]), "another client's backend");
            }
        }
    }

    private static void await(CyclicBarrier barrier) {
        try {
            barrier.await(20, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /// The same few clients over and over, each round a new one; all workers must leave a round with the same backend.
    @Test
    void shouldAgreeOnEachOfManyClients() throws Exception {
        int workers = 4;
        int rounds = 30_000;
        AffinityTable table = table(1 << 16);
        int[][] results = new int[workers][rounds];
        CyclicBarrier barrier = new CyclicBarrier(workers);
        List<Thread> threads = new ArrayList<>();
        for (int worker = 0; worker < workers; worker++) {
            int own = worker;
            threads.add(Thread.ofPlatform().start(() -> {
                for (int round = 0; round < rounds; round++) {
                    if (round % 50 == 0) {
                        await(barrier);
                    }
                    long client = hash.client4(round, 32);
                    results[own][round] = table.putIfAbsent(client, own, 0, NOW, TIMEOUT_TICKS);
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join(60_000);
            assertFalse(thread.isAlive());
        }
        int[] wins = new int[workers];
        for (int round = 0; round < rounds; round++) {
            int agreed = results[0][round];
            wins[agreed]++;
            for (int worker = 1; worker < workers; worker++) {
                assertEquals(agreed, results[worker][round], "round " + round);
            }
        }
        System.out.println("workers' choices that held: " + java.util.Arrays.toString(wins));
    }

    @Test
    void shouldNotAllocate() {
        AffinityTable table = table(256);
        int[] clock = {NOW};
        Allocation.assertNone("put, find, touch, replace", () -> {
            for (int i = 0; i < 2000; i++) {
                long fingerprint = hash.client4(i, 32);
                int nowTicks = clock[0]++;
                if (table.find(fingerprint, nowTicks, TIMEOUT_TICKS) == AffinityTable.NONE) {
                    table.putIfAbsent(fingerprint, i, 0, nowTicks, TIMEOUT_TICKS);
                }
                table.touch(fingerprint, nowTicks, TIMEOUT_TICKS);
                table.put(fingerprint, i + 1, 0, nowTicks);
                table.replace(fingerprint, i + 1, i, 0, nowTicks);
            }
        });
    }
}
