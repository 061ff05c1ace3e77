package io.penstock.sidecar.state;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.penstock.sidecar.state.SidecarCounters.OfBackend;
import io.penstock.sidecar.state.SidecarCounters.OfProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SidecarCountersTest {
    @TempDir
    Path folder;

    private SidecarCounters open() throws Exception {
        return new SidecarCounters(folder.resolve("sidecar.dat"));
    }

    @Test
    void shouldGoOnWhereAnEarlierProcessStopped() throws Exception {
        for (int run = 1; run <= 3; run++) {
            try (SidecarCounters counters = open()) {
                for (int i = 0; i < 3_000; i++) { // more than one step of rows
                    counters.count("l" + i % 7, "b" + i, OfBackend.FAILED);
                }
                counters.count("l0", "b0", OfBackend.TRANSITIONS);
                counters.count(OfProcess.PUBLISHED);
                assertEquals(run, counters.get("l3", "b10", OfBackend.FAILED));
                assertEquals(run, counters.get("l0", "b0", OfBackend.TRANSITIONS));
                assertEquals(run, counters.get(OfProcess.PUBLISHED));
                assertEquals(0, counters.get(OfProcess.RELOADS));
                assertEquals(0, counters.get("l0", "b1", OfBackend.FAILED), "b1 is in l1");
            }
        }
    }

    @Test
    void shouldKeepNamesApartThatRunTogether() throws Exception {
        try (SidecarCounters counters = open()) {
            counters.count("a", "bc", OfBackend.OK);
            assertEquals(0, counters.get("ab", "c", OfBackend.OK));
            counters.count("x".repeat(64), "y".repeat(64), OfBackend.OK);
        }
        try (SidecarCounters counters = open()) {
            assertEquals(1, counters.get("x".repeat(64), "y".repeat(64), OfBackend.OK), "the longest names there are");
        }
    }

    @Test
    void shouldStartAnewWithAFileThatIsNotItsOwn() throws Exception {
        Files.write(folder.resolve("sidecar.dat"), new byte[10_000]);
        try (SidecarCounters counters = open()) {
            counters.count("a", "b", OfBackend.OK);
            assertEquals(1, counters.get("a", "b", OfBackend.OK));
        }
    }
}
