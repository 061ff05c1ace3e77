package io.penstock.tuning;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.HugePages;
import io.penstock.control.config.IdleMode;
import io.penstock.control.config.PortMode;
import io.penstock.tuning.Tuner.Outcome;
import io.penstock.tuning.check.Inspection;
import io.penstock.tuning.host.Finding;
import io.penstock.tuning.host.Finding.Level;
import io.penstock.tuning.host.Host;
import io.penstock.tuning.host.Target;
import io.penstock.tuning.linux.NicDriver.Coalescing;
import io.penstock.tuning.linux.NicDriver.Feature;
import io.penstock.tuning.linux.NicDriver.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TunerTest {
    private static final Target TARGET =
            new Target("eth1", List.of(2, 3), PortMode.AUTO, IdleMode.ADAPTIVE, HugePages.AUTO);

    @TempDir
    private Path folder;

    private final FakeNic nic = new FakeNic();
    private RecordedHost recorded;
    private Host host;
    private Path record;
    private Tuner tuner;

    @BeforeEach
    void open() throws IOException {
        recorded = new RecordedHost(folder.resolve("host"));
        host = new Host(recorded.files(), nic);
        record = folder.resolve("record.json");
        tuner = new Tuner(host, record);
    }

    @Test
    void shouldMendAndPutBackExactly() throws IOException {
        Map<String, String> files = recorded.content();

        List<Outcome> applied = tuner.apply(TARGET, _ -> true, false);

        assertTrue(applied.stream().allMatch(Outcome::done), applied.toString());
        List<Finding> left = Inspection.look(host, TARGET).stream()
                .filter(finding -> finding.level() != Level.OK && finding.level() != Level.UNKNOWN)
                .filter(finding -> !finding.changes().isEmpty())
                // The recorded count of free pages does not follow the reserved one.
                .filter(finding -> !finding.id().equals("memory.hugepages"))
                .toList();
        assertEquals(List.of(), left);
        assertEquals(2, nic.channels.combined());
        assertEquals(new Coalescing(false, 50), nic.coalescing);
        assertTrue(Files.exists(record));

        List<Outcome> undone = tuner.undo();

        assertTrue(undone.stream().allMatch(Outcome::done), undone.toString());
        // The kernel shows a choice in brackets; a plain file shows what was written.
        files.replace("sys/kernel/mm/transparent_hugepage/enabled", "always\n");
        assertEquals(files, recorded.content());
        assertEquals(4, nic.channels.combined());
        assertEquals(List.of(0, 1, 2, 3, 0, 1, 2, 3), nic.buckets);
        assertEquals(new Coalescing(true, 100), nic.coalescing);
        assertEquals(256, nic.ring.entries());
        assertEquals(new State(true, false), nic.features.get(Feature.LRO));
        assertFalse(Files.exists(record));
        assertEquals(List.of(), tuner.undo());
    }

    @Test
    void shouldRememberTheFirstStateOverSeveralApplies() throws IOException {
        tuner.apply(TARGET, "nic.ring"::equals, false);
        nic.setRing("eth1", 300);
        tuner.apply(TARGET, "nic.ring"::equals, false);

        tuner.undo();

        assertEquals(256, nic.ring.entries());
    }

    @Test
    void shouldSayThatSomebodyElseChangedASetting() throws IOException {
        tuner.apply(TARGET, "nic.ring"::equals, false);
        nic.setRing("eth1", 300);

        assertEquals(
                "somebody had changed it to 300 since", tuner.undo().getFirst().remark());
        assertEquals(256, nic.ring.entries());
    }

    @Test
    void shouldChangeNothingOnADryRun() throws IOException {
        Map<String, String> files = recorded.content();

        List<Outcome> outcomes = tuner.apply(TARGET, _ -> true, true);

        assertFalse(outcomes.isEmpty());
        assertEquals(files, recorded.content());
        assertEquals(4, nic.channels.combined());
        assertFalse(Files.exists(record));
    }

    @Test
    void shouldSayWhatWasRefusedAndForgetIt() throws IOException {
        nic.refuses = true;

        List<Outcome> outcomes = tuner.apply(TARGET, "nic.lro"::equals, false);

        assertEquals("the driver keeps lro", outcomes.getFirst().error());
        assertFalse(Files.exists(record));
    }

    @Test
    void shouldKeepOnRecordWhatCannotBePutBack() throws IOException {
        tuner.apply(TARGET, "nic.lro"::equals, false);
        nic.refuses = true;

        assertFalse(tuner.undo().getFirst().done());
        nic.refuses = false;
        assertTrue(tuner.undo().getFirst().done());
        assertEquals(new State(true, false), nic.features.get(Feature.LRO));
    }
}
