package io.penstock.flowtable.schedule;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import org.junit.jupiter.api.Test;

class MaglevTableTest {
    @Test
    void shouldFillAsThePaperDoes() {
        assertArrayEquals(
                new int[] {1, 0, 1, 0, 2, 2, 0}, MaglevTable.populate(7, new int[] {3, 0, 3}, new int[] {4, 2, 1}));
        assertArrayEquals(
                new int[] {0, 0, 0, 0, 2, 2, 2},
                java.util.Arrays.stream(MaglevTable.populate(7, new int[] {3, 3}, new int[] {4, 1}))
                        .map(backend -> backend == 1 ? 2 : 0)
                        .toArray());
    }
}
