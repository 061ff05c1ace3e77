package io.penstock.control.snapshot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Backend;
import io.penstock.control.snapshot.Snapshot.Health;
import java.util.List;
import org.junit.jupiter.api.Test;

class SnapshotsTest {
    private static final String WEB = """
            listener.web.vip=203.0.113.10
            listener.web.ports=443
            listener.web.slow-start=60s
            listener.web.backend.a=10.0.0.11
            listener.web.backend.b=10.0.0.12
            """;
    private static final long NOW_MS = 1_700_000_000_000L;

    @Test
    void shouldKnowNothingAtFirst() throws ConfigException {
        Snapshot snapshot = Snapshots.from(config(WEB), 5);

        assertEquals(5, snapshot.version());
        assertTrue(snapshot.listeners().getFirst().running());
        assertEquals(
                List.of(Health.UNKNOWN, Health.UNKNOWN),
                snapshot.listeners().getFirst().backends().stream()
                        .map(Backend::health)
                        .toList());
        assertEquals(
                Health.OFF,
                backend(Snapshots.from(config(WEB + "listener.web.health=none\n"), 1), 0)
                        .health());
        assertFalse(Snapshots.from(config(WEB + "listener.web.enabled=false\n"), 1)
                .listeners()
                .getFirst()
                .running());
    }

    @Test
    void shouldKeepWhatStayed() throws ConfigException {
        Snapshot before = with(Snapshots.from(config(WEB), 5), Health.DOWN, Admin.DRAINING, NOW_MS + 7, 3);

        Snapshot after = Snapshots.merge(
                before, config(WEB.replace("10.0.0.11", "10.0.0.11 weight=7") + "listener.web.scheduler=lc\n"), NOW_MS);

        assertEquals(6, after.version());
        Backend a = backend(after, 0);
        assertEquals(7, a.config().weight());
        assertEquals(Health.DOWN, a.health());
        assertEquals(Admin.DRAINING, a.admin());
        assertEquals(NOW_MS + 7, a.drainDeadlineMs());
        assertEquals(3, a.startedMs());
    }

    @Test
    void shouldStartNewBackendsSlowly() throws ConfigException {
        Snapshot before = with(Snapshots.from(config(WEB), 5), Health.UP, Admin.IN, 0, 0);

        Snapshot after = Snapshots.merge(
                before, config(WEB.replace("10.0.0.12", "10.0.0.99") + "listener.web.backend.c=10.0.0.13\n"), NOW_MS);

        assertEquals(Health.UP, backend(after, 0).health());
        assertEquals(Health.UNKNOWN, backend(after, 1).health(), "another address is another backend");
        assertEquals(NOW_MS, backend(after, 1).startedMs());
        assertEquals(NOW_MS, backend(after, 2).startedMs());
        Snapshot fresh = Snapshots.merge(new Snapshot(1, List.of()), config(WEB), NOW_MS);
        assertEquals(0, backend(fresh, 0).startedMs(), "all are new: nobody to spare them from");
    }

    @Test
    void shouldNotUndoAStopByAReload() throws ConfigException {
        Snapshot snapshot = Snapshots.from(config(WEB), 1);
        Snapshot.Listener web = snapshot.listeners().getFirst();
        Snapshot stopped = new Snapshot(2, List.of(new Snapshot.Listener(web.config(), false, web.backends())));

        assertFalse(Snapshots.merge(stopped, config(WEB), NOW_MS)
                .listeners()
                .getFirst()
                .running());
        Snapshot disabled = Snapshots.merge(snapshot, config(WEB + "listener.web.enabled=false\n"), NOW_MS);
        assertFalse(disabled.listeners().getFirst().running());
        assertTrue(Snapshots.merge(disabled, config(WEB), NOW_MS)
                .listeners()
                .getFirst()
                .running());
    }

    @Test
    void shouldFollowChecksThatAreSwitchedOffAndOn() throws ConfigException {
        Snapshot down = with(Snapshots.from(config(WEB), 1), Health.DOWN, Admin.IN, 0, 0);

        Snapshot off = Snapshots.merge(down, config(WEB + "listener.web.health=none\n"), NOW_MS);
        assertEquals(Health.OFF, backend(off, 0).health());
        assertEquals(
                Health.UNKNOWN,
                backend(Snapshots.merge(off, config(WEB), NOW_MS), 0).health());
    }

    private static Snapshot with(Snapshot snapshot, Health health, Admin admin, long deadlineMs, long startedMs) {
        return new Snapshot(
                snapshot.version(),
                snapshot.listeners().stream()
                        .map(listener -> new Snapshot.Listener(
                                listener.config(),
                                listener.running(),
                                listener.backends().stream()
                                        .map(each -> new Backend(each.config(), health, admin, deadlineMs, startedMs))
                                        .toList()))
                        .toList());
    }

    private static Backend backend(Snapshot snapshot, int index) {
        return snapshot.listeners().getFirst().backends().get(index);
    }

    private static PenstockConfig config(String text) throws ConfigException {
        return ConfigLoader.parse(text, "f").config();
    }
}
