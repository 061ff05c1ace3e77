package io.penstock.flowtable.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.penstock.flowtable.schedule.Schedulers.Kind;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// Shows S2-41, S2-42.
class MaglevSchedulerTest {
    private static final FlowCounts NONE = row -> 0;

    @Test
    void shouldGoByTheFlowsSlot() {
        MaglevScheduler scheduler = maglev(Kind.MH, Pools.equal(5), null);
        MaglevTable table = scheduler.table();
        RandomGenerator random = Seeds.of(1);
        for (int i = 0; i < 1000; i++) {
            long hash = random.nextLong();
            int expected = table.backend(table.slot(hash));
            assertEquals(expected, scheduler.choose(hash, random.nextLong(), Admission.ALL));
            assertEquals(expected, scheduler.choose(hash, random.nextLong(), Admission.ALL));
        }
    }

    @Test
    void shouldGoByTheClientForSh() {
        MaglevScheduler scheduler = maglev(Kind.SH, Pools.equal(5), null);
        RandomGenerator random = Seeds.of(1);
        for (int client = 0; client < 100; client++) {
            long hash = random.nextLong();
            int expected = scheduler.choose(random.nextLong(), hash, Admission.ALL);
            for (int flow = 0; flow < 10; flow++) {
                assertEquals(expected, scheduler.choose(random.nextLong(), hash, Admission.ALL));
            }
        }
    }

    @Test
    void shouldSpreadAFullBackendsFlowsByWeight() {
        Scheduler scheduler = maglev(Kind.MH, Pools.of(5, 1, 2, 2), null);
        RandomGenerator random = Seeds.of(1);
        int[] flows = new int[4];
        for (int i = 0; i < 100_000; i++) {
            long hash = random.nextLong();
            int index = scheduler.choose(hash, 0, row -> row != Pools.FIRST_ROW);
            assertEquals(index, scheduler.choose(hash, 0, row -> row != Pools.FIRST_ROW), "the same again");
            flows[index]++;
        }
        assertEquals(0, flows[0]);
        assertEquals(20_000, flows[1], 1000);
        assertEquals(40_000, flows[2], 1000);
        assertEquals(40_000, flows[3], 1000);
    }

    @Test
    void shouldKeepTheTableWhileThePoolStays() {
        MaglevScheduler first = maglev(Kind.MH, Pools.equal(5), null);
        assertSame(first.table(), maglev(Kind.MH, Pools.equal(5), first).table());
        assertSame(first.table(), maglev(Kind.SH, Pools.equal(5), first).table());
        assertNotSame(
                first.table(),
                maglev(Kind.MH, Pools.of(100, 100, 100, 100, 99), first).table());
        assertNotSame(first.table(), maglev(Kind.MH, Pools.equal(4), first).table());
    }

    @Test
    void shouldKeepTheSizeWhenBackendsFail() {
        int configured = 656;
        int[] rows = {1, 2, 3};
        Pool few = new Pool(rows, new int[] {1, 1, 1}, new long[] {4, 5, 6}, configured);
        assertEquals(
                MaglevTable.sizeFor(configured),
                maglev(Kind.MH, few, null).table().size());
    }

    private static MaglevScheduler maglev(Kind kind, Pool pool, @Nullable Scheduler previous) {
        return (MaglevScheduler) Schedulers.create(kind, pool, NONE, previous);
    }
}
