package io.penstock.tools.look;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.ConfigException;
import io.penstock.control.status.StatusView;
import io.penstock.control.status.WorkerCounter;
import io.penstock.tools.Console;
import io.penstock.tools.SampleInstance;
import io.penstock.tools.api.FlatJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LookCommandsTest {
    @TempDir
    private Path base;

    private SampleInstance instance;

    @BeforeEach
    void makeInstance() throws IOException, ConfigException {
        instance = new SampleInstance(base);
    }

    @AfterEach
    void close() throws IOException {
        instance.close();
    }

    @Test
    void shouldShowTheInstanceInOnePage() {
        String page = run("status").out();

        assertTrue(
                page.contains("edge1, version 0.1.0, up 1h 1m, pid "
                        + ProcessHandle.current().pid()),
                page);
        assertTrue(page.contains("AF_PACKET rings, TPACKET_V2"), page);
        assertTrue(page.contains("transport epoll"), page);
        assertTrue(page.contains("40 of 1,000 (4.0%)"), page);
        assertTrue(page.contains("7, applied"), page);
        assertLine(page, "1 3 1 50 50 0 0 0 20 12.5% 1,234 us");
        assertLine(page, "web 203.0.113.10 tcp 80,443 mh running 1 of 3 2 2 150 8.8 KiB");
    }

    @Test
    void shouldShowTheInstanceAsJson() throws Exception {
        String line = run("status", "--json").out();
        Map<String, String> json = FlatJson.parse(line);

        assertEquals(1, line.lines().count());
        for (String field : "instance version uptime_s pid port port_mode transport workers.0.cpu workers.0.queue "
                .concat("workers.0.received workers.0.forwarded workers.0.replied workers.0.passed ")
                .concat("workers.0.dropped.no_listener workers.0.flows workers.0.busy workers.0.max_cycle_us ")
                .concat("flows.used flows.capacity listeners.0.name listeners.0.backends.0.id")
                .split(" ")) {
            assertTrue(json.containsKey(field), field + " is missing: " + line);
        }
        assertEquals("edge1", json.get("instance"));
        assertEquals("114", json.get("workers.0.received"));
        assertEquals("3", json.get("workers.0.dropped.no_listener"));
        assertEquals("0", json.get("workers.0.dropped.tx_full"));
    }

    @Test
    void shouldShowListenersAsJson() throws Exception {
        Map<String, String> json = FlatJson.parse(run("listeners", "--json").out());

        for (String field : "name vip protocol ports scheduler state flows new_flows packets bytes".split(" ")) {
            assertTrue(json.containsKey("0." + field), field + ": " + json);
        }
        for (String field :
                "id address weight effective_weight health admin flows new_flows packets bytes".split(" ")) {
            assertTrue(json.containsKey("0.backends.0." + field), field + ": " + json);
        }
        assertEquals("running", json.get("0.state"));
        assertEquals("down", json.get("0.backends.1.health"));
        assertEquals("draining", json.get("0.backends.2.admin"));
        assertEquals("150", json.get("0.backends.0.packets"));
        assertEquals("203.0.113.10,2001:db8::10", json.get("1.vip"));
    }

    @Test
    void shouldShowTheBackendsOfOneListener() throws Exception {
        String page = run("backends", "web").out();

        assertLine(page, "web a 10.0.0.11 3 3 up in 2 2 150 8.8 KiB");
        assertLine(page, "web b 10.0.0.12 1 0 down in 0 0 0 0 B");
        assertLine(page, "web c 10.0.0.13 1 0 up draining 0 0 0 0 B");
        assertFalse(page.contains("r1"), page);
        assertTrue(run("backends").out().contains("r1"));
        assertEquals(
                "dns", FlatJson.parse(run("backends", "dns", "--json").out()).get("0.listener"));
    }

    @Test
    void shouldNameTheListenersWhenThereIsNoneOfThatName() {
        Console console = run("backends", "wbe");

        assertEquals(1, console.exitCode());
        assertTrue(console.err().contains("no listener wbe") && console.err().contains("web, dns"), console.err());
    }

    @Test
    void shouldExplainEveryDropThatHappened() {
        String page = run("counters").out();

        for (WorkerCounter counter : List.of(WorkerCounter.DROP_NO_LISTENER, WorkerCounter.DROP_MIDSTREAM)) {
            assertTrue(page.contains(counter.meaning()) && page.contains(counter.action()), page);
        }
        assertFalse(page.contains("tx_full"), page);
        assertTrue(page.contains("sum: received 164 = forwarded 150 + replied 2 + passed 5 + dropped 7"), page);
        assertLine(page, "midstream 4 0");
    }

    @Test
    void shouldShowEveryCounterWhenAsked() {
        String page = run("counters", "--all").out();

        for (WorkerCounter counter : WorkerCounter.values()) {
            assertTrue(page.contains(counter.label() + " "), counter.label());
        }
    }

    @Test
    void shouldShowCountersAsJson() throws Exception {
        Map<String, String> json = FlatJson.parse(run("counters", "--json").out());

        assertEquals("164", json.get("received"));
        assertEquals("4", json.get("dropped.midstream"));
        assertEquals("50", json.get("workers.1.forwarded"));
        assertEquals("0", json.get("notes.flows_moved"));
    }

    @Test
    void shouldShowRatesOfOneRoundInAPipe() throws Exception {
        AtomicBoolean done = new AtomicBoolean();
        Thread traffic = Thread.startVirtualThread(
                () -> { // Whenever the two looks are, some comes between them.
                    while (!done.get()) {
                        instance.count(0, 30, 0, 0, 10);
                        LockSupport.parkNanos(10_000_000);
                    }
                });
        Console console = run("top", "--interval", "0.5");
        done.set(true);
        traffic.join();

        assertEquals(0, console.exitCode(), console.err());
        assertFalse(console.out().contains("\u001b"), "no control characters in a pipe");
        assertTrue(console.out().contains("dropped: no_listener "), console.out());
        assertTrue(console.out().contains("midstream "), console.out());
    }

    @Test
    void shouldDrawWhatABackendHasBesideWhatItsWeightGivesIt() throws Exception {
        Rates rates = new Rates(instance.view(), instance.view(), 1);
        List<String> lines = rates.lines(100);

        String head = lines.stream()
                .filter(line -> line.startsWith("LISTENER"))
                .findFirst()
                .orElseThrow();
        assertTrue(head.endsWith("SHARE  SPREAD"), head);
        assertTrue(lines.stream().anyMatch(line -> line.matches(".* a .* 100\\.0%  #+\\|?")), String.join("\n", lines));
        assertTrue(lines.stream().anyMatch(line -> line.matches(" +[0-9]+ .* 12\\.5%  #+")), String.join("\n", lines));
    }

    /// Every page in windows of many widths: text may be cut and columns left out, but no line goes over the edge.
    @ParameterizedTest
    @ValueSource(ints = {72, 80, 100, 132, 160, 240})
    void shouldFitTheWindow(int width) throws Exception {
        StatusView view = instance.view();
        List<String> lines = new ArrayList<>(Pages.status(view, width));
        lines.addAll(Pages.listeners(view, width));
        lines.addAll(Pages.backends(view.listeners(), width));
        lines.addAll(Pages.counters(view, true, width));
        lines.addAll(new Rates(view, view, 1).lines(width));

        assertEquals(
                List.of(), lines.stream().filter(line -> line.length() > width).toList());
        String text = String.join("\n", lines);
        for (WorkerCounter counter : WorkerCounter.values()) {
            assertTrue(text.contains(counter.label()), counter.label());
            String words = text.replaceAll("\\s+", " ");
            assertTrue(words.contains(counter.meaning()) && words.contains(counter.action()), counter.label());
        }
    }

    @Test
    void shouldShowRatesAsJson() throws Exception {
        Map<String, String> json =
                FlatJson.parse(run("top", "--json", "--interval", "0.1").out());

        assertEquals("0.0", json.get("received_per_s"));
        assertEquals("web", json.get("listeners.0.name"));
        assertEquals("a", json.get("listeners.0.backends.0.id"));
        assertEquals("0.0", json.get("dropped_per_s.midstream"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "-1", "NaN", "4000"})
    void shouldRefuseAnIntervalThatMakesNoSense(String interval) {
        assertEquals(2, run("top", "--interval", interval).exitCode());
    }

    @Test
    void shouldSayThatAForwarderIsGoneAndShowWhatItLeft() throws Exception {
        instance.stop();
        Console console = run("counters");

        assertEquals(0, console.exitCode());
        assertTrue(console.err().contains("edge1 is not running"), console.err());
        assertTrue(console.out().contains("received 164"), console.out());
        assertEquals("false", FlatJson.parse(run("status", "--json").out()).get("alive"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"status", "listeners", "backends", "counters", "top"})
    void shouldSayInOneLineThatThereIsNoSuchInstance(String command) {
        Console console = Console.run(command, "--instance", "edge2", "--runtime-dir", base.toString());

        assertEquals(1, console.exitCode());
        assertEquals("", console.out());
        assertEquals(1, console.err().lines().count(), console.err());
        assertTrue(console.err().contains("edge2") && console.err().contains("edge1"), console.err());
    }

    private Console run(String... arguments) {
        List<String> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of("--runtime-dir", base.toString()));
        return Console.run(all.toArray(String[]::new));
    }

    /// Columns are as wide as they have to be: compare without the blanks between them.
    private static void assertLine(String page, String line) {
        assertTrue(
                page.lines().anyMatch(each -> each.strip().replaceAll(" +", " ").equals(line)),
                "'" + line + "' is not in:\n" + page);
    }
}
