package io.penstock.flowtable;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class TickClockTest {
    private static final int TICKS_PER_HOUR = (int) (3_600_000_000_000L >> TickClock.SHIFT);

    @Test
    void shouldRoundTimeoutsUp() {
        assertEquals(1, TickClock.ticksOfMs(0));
        assertEquals(1, TickClock.ticksOfMs(1));
        assertEquals(1, TickClock.ticksOfMs(16));
        assertEquals(2, TickClock.ticksOfMs(17)); // a tick is 16.777 ms
        assertEquals(60, TickClock.ticksOfMs(1000));
        assertEquals(5_149_842, TickClock.ticksOfMs(TickClock.LONGEST_MS));
    }

    @Test
    void shouldRefuseATimeoutThatTicksCannotTell() {
        assertThrows(IllegalArgumentException.class, () -> TickClock.ticksOfMs(TickClock.LONGEST_MS + 1));
        assertThrows(IllegalArgumentException.class, () -> TickClock.ticksOfMs(-1));
    }

    @Test
    void shouldMeasureAcrossTheWrap() {
        assertEquals(5, TickClock.elapsed(2, TickClock.MASK - 2));
        assertEquals(5, TickClock.elapsed(0x0100_0002, 0x00ff_fffd));
        assertEquals(5, TickClock.elapsed(Integer.MIN_VALUE + 2, Integer.MAX_VALUE - 2));
    }

    @Test
    void shouldMeasureFromTheBitsThatTablesKeep() {
        int then = 0x7712_3456;
        assertEquals(1000, TickClock.elapsed(then + 1000, then & TickClock.MASK));
    }

    @Test
    void shouldCountAsNothingWhatIsLater() {
        assertEquals(0, TickClock.elapsed(10, 10));
        assertEquals(0, TickClock.elapsed(10, 11));
        assertEquals(0, TickClock.elapsed(0, 30 * TICKS_PER_HOUR));
    }

    @Test
    void shouldBeRightForTheLongestTimeoutAndASlowSweep() {
        assertEquals(38 * TICKS_PER_HOUR, TickClock.elapsed(38 * TICKS_PER_HOUR, 0));
    }

    @Test
    void shouldTellTicksInMilliseconds() {
        assertEquals(16, TickClock.msOfTicks(1));
        assertEquals(1006, TickClock.msOfTicks(60));
        assertEquals(1, TickClock.ticks(1L << 24));
        assertEquals(-1, TickClock.ticks(-1));
    }
}
