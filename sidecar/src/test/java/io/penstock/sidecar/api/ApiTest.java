package io.penstock.sidecar.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.snapshot.HostClock;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.sidecar.FakeForwarder;
import io.penstock.sidecar.TestInstance;
import io.penstock.sidecar.TestInstance.Answer;
import io.penstock.sidecar.TestJson;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The API of a running sidecar. Shows S2-78, S2-79, S3-02, S3-23, S3-26, S3-29, S3-31, S3-33, S3-34, S3-35, S3-84,
/// S3-90 (what a deletion would do can be rehearsed first), S3-91 to S3-98, S3-101 to S3-106, S3-114, S3-116, S3-118,
/// S3-120, S3-122.
@Timeout(60)
class ApiTest {
    private static final String FILE = """
            # The shop.
            listener.web.vip=203.0.113.10
            listener.web.ports=80
            listener.web.health=none
            listener.web.backend.a=10.0.0.11
            # b is the big one
            listener.web.backend.b=10.0.0.12 weight=300
            """;

    @TempDir
    Path folder;

    private TestInstance instance;

    @BeforeEach
    void start() throws Exception {
        instance = new TestInstance(folder, FILE);
        instance.start();
    }

    @AfterEach
    void stop() throws Exception {
        instance.close();
    }

    @Test
    void shouldListAndShowListeners() throws Exception {
        Answer list = instance.send("GET", "/v1/listeners");
        assertEquals(200, list.status());
        assertEquals("web", list.json().text("0/name"));
        TestJson web = instance.send("GET", "/v1/listeners/web").json();
        assertEquals("203.0.113.10", web.text("vip"));
        assertEquals("tcp", web.text("protocol"));
        assertEquals("80", web.text("ports"));
        assertEquals("running", web.text("state"));
        assertEquals("off", web.text("backends/0/health"));
        assertEquals("300", web.text("backends/1/weight"));
        assertEquals("300", web.text("config/backends/b/weight"));
        assertEquals("300s", web.text("config/idle-timeout"));
        assertEquals(404, instance.send("GET", "/v1/listeners/none").status());
    }

    /// Shows S0-01, S1-01: an instance without a listener serves nobody; with its first it does.
    @Test
    void shouldServeNobodyBeforeThereIsAListener() throws Exception {
        assertEquals(204, instance.send("DELETE", "/v1/listeners/web").status());
        assertEquals("[]", instance.send("GET", "/v1/listeners").body().strip());
        assertEquals(0, instance.sidecar().state().view().snapshot().listeners().size());
        Answer first = instance.send("POST", "/v1/listeners", """
                {"name":"dns","vip":"203.0.113.20","protocol":"udp","ports":"53","backends":{"a":"10.0.0.11"}}""");
        assertEquals(201, first.status(), first.body());
        assertEquals(1, instance.sidecar().state().view().snapshot().listeners().size());
    }

    @Test
    void shouldCreateAListenerFromLittle() throws Exception {
        Answer created = instance.send("POST", "/v1/listeners", """
                {"name":"dns","vip":"203.0.113.10","protocol":"udp","ports":53,
                 "backends":{"a":{"address":"10.0.0.11"}},"tags":{"team":"net"}}""");
        assertEquals(201, created.status(), created.body());
        assertEquals("60s", created.json().text("config/idle-timeout"));
        assertEquals("net", created.json().text("config/tags/team"));
        assertEquals("false", created.json().text("temporary"));
        assertTrue(instance.text().contains("listener.dns.backend.a=10.0.0.11\n"), instance.text());
        assertTrue(instance.text().contains("# b is the big one\n"), instance.text());
        assertEquals(
                409,
                instance.send("POST", "/v1/listeners", "{\"name\":\"dns\"}").status());
    }

    @Test
    void shouldNameEveryProblemAtOnceAndChangeNothing() throws Exception {
        String before = instance.text();
        Answer refused = instance.send("POST", "/v1/listeners", """
                {"name":"bad","vip":"300.1.1.1","ports":"70000","scheduler":"best","wheels":4,
                 "backends":{"a":{"address":"10.0.0.11","weight":-1}}}""");
        assertEquals(422, refused.status(), refused.body());
        String keys = refused.json().at("problems").elements().stream()
                .map(problem -> problem.text("key"))
                .sorted()
                .collect(Collectors.joining(" "));
        assertEquals(
                "listener.bad.backend.a listener.bad.ports listener.bad.scheduler listener.bad.vip listener.bad.wheels",
                keys,
                refused.body());
        assertEquals(before, instance.text());
        assertEquals(1, instance.sidecar().state().view().snapshot().listeners().size());
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            value = {
                "{                                                    | 400",
                "[]                                                   | 400",
                "{} {}                                                | 400",
                "{\"name\":\"x\",\"name\":\"y\"}                      | 400",
                "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":{\"h\":{}}}}}}}}} | 400",
                "{\"name\":\"x\",\"backends\":{\"a.b\":{}}}           | 422",
                "{\"name\":\"../x\",\"vip\":\"1.2.3.4\"}              | 422",
                "{\"name\":\"x\",\"backends\":[{\"address\":\"1.2.3.4\"}]} | 422",
                "{\"name\":\"x\",\"backends\":[7]}                    | 422",
                "{\"name\":\"x\",\"tags\":7}                          | 422",
                "{\"vip\":\"1.2.3.4\"}                                | 422",
                "{\"name\":\"x\",\"vip\":\"9.9.9.9\\nlistener.y.vip=1.1.1.1\"} | 422",
            })
    void shouldRefuseWhatIsNoListener(String body, int status) throws Exception {
        String before = instance.text();
        Answer refused = instance.send("POST", "/v1/listeners", body);
        assertEquals(status, refused.status(), refused.body());
        assertEquals(Integer.toString(status), refused.json().text("status"));
        assertEquals(before, instance.text());
    }

    @Test
    void shouldRefuseAClash() throws Exception {
        Answer refused = instance.send("POST", "/v1/listeners", """
                {"name":"also","vip":"203.0.113.10","ports":"79-81","backends":{"a":"10.0.0.11"}}""");
        assertEquals(422, refused.status(), refused.body());
        assertTrue(refused.body().contains("web"), refused.body());
    }

    @Test
    void shouldRehearseWithoutDoing() throws Exception {
        String before = instance.text();
        Answer rehearsed = instance.send("POST", "/v1/listeners?dry_run=true", """
                {"name":"dns","vip":"203.0.113.10","protocol":"udp","ports":"53","backends":{"a":"10.0.0.11 weight=5"}}""");
        assertEquals(200, rehearsed.status(), rehearsed.body());
        assertEquals("5", rehearsed.json().text("config/backends/a/weight"));
        assertEquals(
                200,
                instance.send("PATCH", "/v1/listeners/web?dry_run", "{\"scheduler\":\"lc\"}")
                        .status());
        assertEquals(204, instance.send("DELETE", "/v1/listeners/web?dry_run=1").status(), "even the last");
        assertEquals(
                422,
                instance.send("POST", "/v1/listeners?dry_run=true", "{\"name\":\"x\"}")
                        .status());
        assertEquals(before, instance.text());
        assertEquals(404, instance.send("GET", "/v1/listeners/dns").status());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "POST /v1/listeners?dry_run=yes",
                "POST /v1/listeners?dryrun=true",
                "DELETE /v1/listeners/web?dry_run=TRUE",
                "POST /v1/listeners/web/stop?dry_run=true",
                "POST /v1/listeners/web/backends/a/drain?dry_run=true"
            })
    void shouldChangeNothingForAMisspeltRehearsal(String request) throws Exception {
        String before = instance.text();
        String[] words = request.split(" ");
        Answer refused = instance.send(words[0], words[1], words[1].startsWith("/v1/listeners?") ? """
                {"name":"dns","vip":"203.0.113.10","protocol":"udp","ports":"53","backends":{"a":"10.0.0.11"}}""" : null);
        assertEquals(400, refused.status(), refused.body());
        assertEquals(before, instance.text());
        assertEquals("running", instance.send("GET", "/v1/listeners/web").json().text("state"));
    }

    @Test
    void shouldListEveryProblemAlsoOfAListenerWithoutAUsableName() throws Exception {
        Answer unnamable = instance.send("POST", "/v1/listeners", """
                {"name":"a b","vip":"x","ports":"0","scheduler":"q","colour":1,"backends":{"a":"10.0.0.11 weight=70000"}}""");
        assertEquals(422, unnamable.status(), unnamable.body());
        for (String key : List.of("name", "vip", "ports", "scheduler", "colour", "backend.a")) {
            assertTrue(unnamable.body().contains("\"listener.a b." + key + "\""), key + " in " + unnamable.body());
        }
        Answer unnamed = instance.send("POST", "/v1/listeners", "{\"vip\":\"x\",\"ports\":\"0\"}");
        assertEquals(422, unnamed.status(), unnamed.body());
        for (String key : List.of("name", "vip", "ports", "backend")) {
            assertTrue(unnamed.body().contains("{\"key\":\"" + key + "\""), key + " in " + unnamed.body());
        }
    }

    @Test
    void shouldChangeAListenerInPlace() throws Exception {
        Answer changed = instance.send("PATCH", "/v1/listeners/web", """
                {"scheduler":"wlc","idle-timeout":"900s","tags":{"team":"shop"},
                 "backends":{"a":null,"b":{"max-flows":1000},"c":{"address":"10.0.0.13"}}}""");
        assertEquals(200, changed.status(), changed.body());
        TestJson config = changed.json().at("config");
        assertEquals("wlc", config.text("scheduler"));
        assertEquals("[b, c]", config.at("backends").names().toString());
        assertEquals("300", config.text("backends/b/weight"));
        assertEquals("1000", config.text("backends/b/max-flows"));
        assertTrue(instance.text()
                .contains("# b is the big one\nlistener.web.backend.b=10.0.0.12 weight=300 max-flows=1000\n"));

        Answer back = instance.send("PATCH", "/v1/listeners/web", "{\"scheduler\":null,\"tags\":null}");
        assertEquals("mh", back.json().text("config/scheduler"));
        assertEquals("[]", back.json().at("config/tags").names().toString());
        assertFalse(instance.text().contains("scheduler"), instance.text());
    }

    @Test
    void shouldReplaceTheWholePool() throws Exception {
        Answer changed = instance.send("PATCH", "/v1/listeners/web", """
                {"backends":[{"id":"x","address":"10.0.0.21"},{"id":"b","address":"10.0.0.12"}]}""");
        assertEquals(200, changed.status(), changed.body());
        assertEquals(
                "{x={address=10.0.0.21, weight=100}, b={address=10.0.0.12, weight=100}}",
                changed.json()
                        .at("config/backends")
                        .toString()
                        .replace(
                                "b={address=10.0.0.12, weight=100}, x={address=10.0.0.21, weight=100}",
                                "x={address=10.0.0.21, weight=100}, b={address=10.0.0.12, weight=100}"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"vip\":\"203.0.113.99\"}", "{\"protocol\":\"udp\"}", "{\"ports\":\"81\"}"})
    void shouldNotChangeWhatMakesAListener(String patch) throws Exception {
        Answer refused = instance.send("PATCH", "/v1/listeners/web", patch);
        assertEquals(409, refused.status(), refused.body());
        assertTrue(refused.json().text("problems/0/expected").contains("delete the listener and create it again"));
    }

    @Test
    void shouldRecreateAListenerFromItsOwnDocument() throws Exception {
        String config = instance.send("PATCH", "/v1/listeners/web", """
                {"health":{"kind":"http","path":"/up","expect":["200-204",301]},"persistence":"600s","max-new-flows":5}""").body();
        String document = config.substring(config.indexOf("\"config\":") + 9, config.lastIndexOf(",\"temporary\""));
        assertEquals(201, instance.send("POST", "/v1/listeners", """
                {"name":"other","vip":"203.0.113.77","ports":"1","backends":{"a":"10.0.0.9"}}""").status());
        assertEquals(204, instance.send("DELETE", "/v1/listeners/web").status());
        Answer again = instance.send("POST", "/v1/listeners", document);
        assertEquals(201, again.status(), again.body());
        assertEquals(
                TestJson.parse(document).toString(), again.json().at("config").toString());
    }

    @Test
    void shouldAddChangeAndRemoveBackends() throws Exception {
        Answer added = instance.send("PUT", "/v1/listeners/web/backends/c", "{\"address\":\"10.0.0.13\",\"weight\":5}");
        assertEquals(201, added.status(), added.body());
        Answer weighed = instance.send("PATCH", "/v1/listeners/web/backends/c", "{\"weight\":7}");
        assertEquals(200, weighed.status());
        assertEquals("7", weighed.json().text("config/backends/c/weight"));
        assertTrue(instance.text().contains("listener.web.backend.c=10.0.0.13 weight=7\n"), instance.text());
        Answer replaced = instance.send("PUT", "/v1/listeners/web/backends/c", "{\"address\":\"10.0.0.14\"}");
        assertEquals(200, replaced.status());
        assertEquals("100", replaced.json().text("config/backends/c/weight"));
        assertEquals(
                200, instance.send("DELETE", "/v1/listeners/web/backends/c").status());
        assertEquals(
                404, instance.send("DELETE", "/v1/listeners/web/backends/c").status());
        assertEquals(
                404,
                instance.send("PATCH", "/v1/listeners/web/backends/c", "{\"weight\":7}")
                        .status());
        assertEquals(
                422,
                instance.send("PATCH", "/v1/listeners/web/backends/a", "{\"weight\":\"5 max-flows=1\"}")
                        .status());
    }

    @Test
    void shouldNotLeaveAListenerWithoutBackends() throws Exception {
        assertEquals(
                200, instance.send("DELETE", "/v1/listeners/web/backends/a").status());
        Answer refused = instance.send("DELETE", "/v1/listeners/web/backends/b");
        assertEquals(422, refused.status(), refused.body());
    }

    @Test
    void shouldStopAndStartUntilToldOtherwise() throws Exception {
        String before = instance.text();
        Answer stopped = instance.send("POST", "/v1/listeners/web/stop");
        assertEquals(200, stopped.status(), stopped.body());
        assertEquals("stopped", stopped.json().text("state"));
        assertEquals("true", stopped.json().text("temporary"));
        assertTrue(stopped.json().text("note").startsWith("temporary, until"), stopped.body());
        assertEquals(before, instance.text());
        instance.send("PATCH", "/v1/listeners/web", "{\"scheduler\":\"lc\"}");
        assertEquals("stopped", instance.send("GET", "/v1/listeners/web").json().text("state"), "a change is no start");
        assertEquals(
                "running",
                instance.send("POST", "/v1/listeners/web/start").json().text("state"));
        assertEquals(404, instance.send("POST", "/v1/listeners/none/stop").status());
    }

    @Test
    void shouldDrainUntilTheDeadlineAndBack() throws Exception {
        Answer drained = instance.send("POST", "/v1/listeners/web/backends/a/drain", "{\"deadline\":\"200ms\"}");
        assertEquals(200, drained.status(), drained.body());
        assertEquals("draining", drained.json().text("backends/0/admin"));
        assertEquals("true", drained.json().text("temporary"));
        TestInstance.await("drained", () -> instance.backend("web", "a").admin() == Admin.OUT);
        assertEquals(
                "in",
                instance.send("POST", "/v1/listeners/web/backends/a/undrain")
                        .json()
                        .text("backends/0/admin"));

        instance.send("POST", "/v1/listeners/web/backends/a/drain?deadline=0");
        assertEquals(0, instance.backend("web", "a").drainDeadlineMs(), "never");
        instance.send("POST", "/v1/listeners/web/backends/b/drain");
        long leftMs = instance.backend("web", "b").drainDeadlineMs() - HostClock.nowMs();
        assertTrue(leftMs > 290_000 && leftMs <= 300_000, "the listener's own deadline, ms left: " + leftMs);
        assertEquals(
                "draining", instance.send("GET", "/v1/listeners/web").json().text("state"));
        assertEquals(
                422,
                instance.send("POST", "/v1/listeners/web/backends/b/drain?deadline=soon")
                        .status());
        assertEquals(
                400,
                instance.send("POST", "/v1/listeners/web/backends/b/drain", "{\"till\":1}")
                        .status());
        assertEquals(
                404, instance.send("POST", "/v1/listeners/web/backends/z/drain").status());
    }

    @Test
    void shouldRefuseOtherChangesWhileConfiguring() throws Exception {
        FakeForwarder forwarder = instance.startForwarder(System.currentTimeMillis());
        forwarder.applies(false);
        CompletableFuture<Answer> stop = CompletableFuture.supplyAsync(() -> send("POST", "/v1/listeners/web/stop"));
        TestInstance.await(
                "configuring",
                () -> instance.sidecar().state().view().configuring().contains("web"));
        assertEquals("true", instance.send("GET", "/v1/listeners/web").json().text("configuring"));
        for (String[] request : new String[][] {
            {"DELETE", "/v1/listeners/web"},
            {"POST", "/v1/listeners/web/start"},
            {"DELETE", "/v1/listeners/web/backends/a"},
            {"POST", "/v1/listeners/web/backends/a/drain"},
        }) {
            Answer refused = instance.send(request[0], request[1]);
            assertEquals(409, refused.status(), request[1]);
            assertTrue(refused.json().text("detail").contains("configuring"), refused.body());
        }
        assertEquals(
                409,
                instance.send("PATCH", "/v1/listeners/web", "{\"scheduler\":\"lc\"}")
                        .status());
        assertEquals(
                409,
                instance.send("PUT", "/v1/listeners/web/backends/c", "{\"address\":\"10.0.0.13\"}")
                        .status());

        forwarder.applies(true);
        assertEquals("true", stop.get().json().text("applied"));
        assertEquals("false", instance.send("GET", "/v1/listeners/web").json().text("configuring"));
        assertEquals(200, instance.send("POST", "/v1/listeners/web/start").status());
    }

    private Answer send(String method, String path) {
        try {
            return instance.send(method, path);
        } catch (java.io.IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void shouldSayWhatIsWrongWithTheFile() throws Exception {
        instance.write(FILE + "listener.web.scheduler=best\n");
        TestInstance.await(
                "problem seen",
                () -> !instance.sidecar().state().view().problems().isEmpty());
        TestJson config = instance.send("GET", "/v1/status").json().at("config");
        assertEquals("false", config.text("in_force"));
        assertTrue(config.text("problems/0").contains("listener.web.scheduler"), config.toString());
        assertTrue(instance.send("GET", "/metrics").body().contains("\npenstock_config_errors 1\n"));
        Answer edit = instance.send("PATCH", "/v1/listeners/web", "{\"idle-timeout\":\"10s\"}");
        assertEquals(422, edit.status(), "an edit would put the whole file in force");
        assertEquals(
                200,
                instance.send("PATCH", "/v1/listeners/web", "{\"scheduler\":\"lc\"}")
                        .status(),
                "which mends it");
    }

    @Test
    void shouldShowLimits() throws Exception {
        List<TestJson> quotas = instance.send("GET", "/v1/limits").json().elements();
        for (TestJson quota : quotas) {
            assertTrue(
                    quota.names()
                            .containsAll(Set.of("id", "description", "default", "maximum", "adjustable", "current")),
                    quota.toString());
        }
        TestJson listeners = quotas.getFirst();
        assertEquals("listeners", listeners.text("id"));
        assertEquals("100", listeners.text("default"));
        assertEquals("true", listeners.text("adjustable"));
        assertEquals("1", listeners.text("used"));
    }

    @Test
    void shouldKeepToTheLimitOfListeners() throws Exception {
        instance.write("limit.listeners=1\n" + FILE);
        instance.sidecar().state().reload().get();
        Answer refused = instance.send("POST", "/v1/listeners", """
                {"name":"two","vip":"203.0.113.10","ports":"81","backends":{"a":"10.0.0.11"}}""");
        assertEquals(422, refused.status());
        assertTrue(refused.body().contains("limit.listeners"), refused.body());
    }

    @Test
    void shouldDescribeEveryRouteAndOnlyThose() throws Exception {
        TestJson openApi = instance.send("GET", "/openapi.json").json();
        assertTrue(openApi.text("openapi").startsWith("3.1"));
        Set<String> described = new TreeSet<>();
        for (String path : openApi.at("paths").names()) {
            for (String method : openApi.at("paths").field(path).names()) {
                if (!method.equals("parameters")) {
                    described.add(method.toUpperCase(Locale.ROOT) + " " + path);
                }
            }
        }
        assertEquals(new TreeSet<>(instance.sidecar().apiRoutes()), described);
    }

    @Test
    void shouldDescribeEveryKeyThatItShows() throws Exception {
        instance.send("PATCH", "/v1/listeners/web", """
                {"health":{"kind":"udp","port":53,"send":"x","receive":"y","host":"h","script":"/bin/true"}}""");
        TestJson config = instance.send("GET", "/v1/listeners/web").json().at("config");
        TestJson openApi = instance.send("GET", "/openapi.json").json();
        Set<String> described = new TreeSet<>(
                openApi.at("components/schemas/ListenerConfig/properties").names());
        List<String> shown = new ArrayList<>(config.names());
        assertEquals(new TreeSet<>(shown), described);
    }

    @Test
    void shouldReferToNothingThatIsNotThere() throws Exception {
        String text = instance.send("GET", "/openapi.json").body();
        TestJson openApi = TestJson.parse(text);
        java.util.regex.Matcher references =
                java.util.regex.Pattern.compile("\"\\$ref\":\\s*\"#/([^\"]+)\"").matcher(text);
        int count = 0;
        while (references.find()) {
            count++;
            assertFalse(openApi.text(references.group(1)).equals("null"), references.group(1));
        }
        assertTrue(count > 50, "references: " + count);
    }
}
