package io.penstock.control.status;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.snapshot.Snapshots;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StatusJsonTest {
    private static final String CONFIG = """
            listener.web.vip=203.0.113.10,2001:db8::10
            listener.web.ports=80,443
            listener.web.health.port=80
            listener.web.backend.a=10.0.0.11
            listener.web.backend.b=fd00::12 weight=0
            """;

    @TempDir
    Path folder;

    @Test
    void shouldBeAsTheContractSays() throws Exception {
        PenstockConfig config = ConfigLoader.parse(CONFIG, "f").config();
        Snapshot snapshot = Snapshots.from(config, 3);
        Path path = folder.resolve("status.dat");
        try (StatusFile file = StatusFile.open(path, 1, message -> {})) {
            file.started("edge1", "1.0", System.currentTimeMillis());
            file.transport("packet", "TPACKET_V2", "epoll");
            file.flowCapacity(1024);
            file.worker(0).placed(2, 0);
            file.worker(0).flows(5);
            file.worker(0).busyPermille(125);
            file.worker(0).maxCycleNs(7_999);
            WorkerCounters counters = new WorkerCounters(file.worker(0).counters());
            counters.add(WorkerCounter.RECEIVED.id(), 10);
            counters.add(WorkerCounter.FORWARDED.id(), 7);
            counters.add(WorkerCounter.DROP_TTL.id(), 3);
            counters.publish();
            int row = file.backends()
                    .allocate(
                            "web",
                            "a",
                            config.listeners().getFirst().backends().getFirst().address());
            file.backends().publish(row, Health.UP, Admin.IN, 100, 100);
            for (int i = 0; i < 4; i++) {
                file.backends().cells(0).set(ValueLayout.JAVA_LONG, BackendRows.cell(row) + 8L * i, 1L + i);
            }

            try (StatusReader reader = StatusReader.open(path)) {
                StatusView view = StatusView.of(reader, snapshot);

                String status = StatusJson.text(json -> StatusJson.status(json, view));
                assertTrue(
                        status.startsWith(
                                "{\"instance\":\"edge1\",\"version\":\"1.0\",\"alive\":true,\"uptime_s\":0,\"pid\":"
                                        + ProcessHandle.current().pid()
                                        + ",\"port\":\"packet\",\"port_mode\":\"TPACKET_V2\",\"transport\":\"epoll\","),
                        status);
                assertTrue(
                        status.contains("\"workers\":[{\"cpu\":2,\"queue\":0,\"received\":10,\"forwarded\":7,"
                                + "\"replied\":0,\"passed\":0,\"dropped\":{\"malformed\":0,\"no_listener\":0,"),
                        status);
                assertTrue(status.contains("\"ttl\":3,"), status);
                assertTrue(status.contains("},\"flows\":5,\"busy\":0.125,\"max_cycle_us\":7}]"), status);
                assertTrue(status.contains("\"flows\":{\"used\":5,\"capacity\":1024},\"listeners\":[{"), status);
                String expected = "[{\"name\":\"web\",\"vip\":\"203.0.113.10,2001:db8::10\",\"protocol\":\"tcp\","
                        + "\"ports\":\"80,443\",\"scheduler\":\"mh\",\"state\":\"running\",\"flows\":1,\"new_flows\":2,"
                        + "\"packets\":3,\"bytes\":4,\"backends\":[{\"id\":\"a\",\"address\":\"10.0.0.11\","
                        + "\"weight\":100,\"effective_weight\":100,\"health\":\"unknown\",\"admin\":\"in\",\"flows\":1,"
                        + "\"new_flows\":2,\"packets\":3,\"bytes\":4},{\"id\":\"b\",\"address\":\"fd00::12\","
                        + "\"weight\":0,\"effective_weight\":0,\"health\":\"unknown\",\"admin\":\"in\",\"flows\":0,"
                        + "\"new_flows\":0,\"packets\":0,\"bytes\":0}]}]";
                assertEquals(expected, StatusJson.text(json -> StatusJson.listeners(json, view.listeners())));
            }
        }
    }

    @Test
    void shouldNameTheStateOfAListener() throws Exception {
        Snapshot.Listener web = Snapshots.from(ConfigLoader.parse(CONFIG, "f").config(), 1)
                .listeners()
                .getFirst();

        assertEquals(ListenerRows.State.RUNNING, state(web));
        assertEquals(ListenerRows.State.STOPPED, state(new Snapshot.Listener(web.config(), false, web.backends())));
        List<Snapshot.Backend> drained = web.backends().stream()
                .map(backend -> new Snapshot.Backend(backend.config(), backend.health(), Admin.DRAINING, 0, 0))
                .toList();
        assertEquals(ListenerRows.State.DRAINING, state(new Snapshot.Listener(web.config(), true, drained)));
    }

    private static ListenerRows.State state(Snapshot.Listener listener) {
        return StatusView.listeners(java.util.Map.of(), new Snapshot(1, List.of(listener)))
                .getFirst()
                .state();
    }
}
