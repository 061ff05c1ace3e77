package io.penstock.tools.change;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.tools.Console;
import io.penstock.tools.FakeSidecar;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Shows S3-102, and S3-100 as far as there is no terminal.
class ChangeCommandsTest {
    @TempDir
    private Path base;

    private FakeSidecar sidecar;

    @BeforeEach
    void serve() throws IOException {
        sidecar = new FakeSidecar(RuntimeFolder.create(base, "default").apiSocket());
    }

    @AfterEach
    void close() throws IOException {
        sidecar.close();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "weight web a 50;               PATCH /v1/listeners/web/backends/a;        {\"weight\":50}",
                "drain web a;                   POST /v1/listeners/web/backends/a/drain;   ''",
                "drain web a --deadline 5m;     POST /v1/listeners/web/backends/a/drain;   {\"deadline\":\"5m\"}",
                "undrain web a;                 POST /v1/listeners/web/backends/a/undrain; ''",
                "start web;                     POST /v1/listeners/web/start;              ''",
                "stop web --yes;                POST /v1/listeners/web/stop;               ''",
                "stop web;                      POST /v1/listeners/web/stop;               ''",
                "undrain w/b a?b;               POST /v1/listeners/w%2Fb/backends/a%3Fb/undrain; ''",
            })
    void shouldAskTheSidecar(String command, String request, String body) throws Exception {
        sidecar.willAnswer(200, "{}");
        Console console = run(command.split(" "));

        assertEquals(0, console.exitCode(), console.err());
        String sent = sidecar.request();
        assertTrue(sent.startsWith(request + " HTTP/1.1\r\n"), sent);
        assertTrue(sent.endsWith("\r\n\r\n" + body), sent);
    }

    @Test
    void shouldSayWhetherAChangeLasts() {
        sidecar.willAnswer(200, "{\"temporary\":false,\"note\":\"written to /etc/p\"}");
        assertEquals(
                "web/a has weight 3 (written to /etc/p)\n",
                run("weight", "web", "a", "3").out());
        sidecar.willAnswer(200, "{\"temporary\":true,\"note\":\"temporary, until undrain\"}");
        assertEquals(
                "web/a drains (temporary, until undrain)\n",
                run("drain", "web", "a").out());
    }

    @Test
    void shouldNameEveryProblemOfARefusedChange() {
        sidecar.willAnswer(422, """
                {"title":"Unprocessable Entity","status":422,"detail":"2 problems","problems":[
                {"key":"deadline","wrong":"\\"x\\" is no duration","expected":"such as 5m"},
                {"key":"weight","wrong":"missing","expected":""}]}""");
        Console console = run("drain", "web", "a", "--deadline", "x");

        assertEquals(2, console.exitCode());
        assertEquals("penstock: deadline: \"x\" is no duration (such as 5m); weight: missing\n", console.err());
    }

    @Test
    void shouldFailWhenThereIsNoSuchBackend() {
        sidecar.willAnswer(404, "{\"title\":\"Not Found\",\"status\":404,\"detail\":\"no backend z in listener web\"}");
        Console console = run("undrain", "web", "z");

        assertEquals(1, console.exitCode());
        assertEquals("penstock: no backend z in listener web\n", console.err());
    }

    @Test
    void shouldSayThatTheSidecarDoesNotRun() throws Exception {
        close();
        Console console = run("start", "web");

        assertEquals(1, console.exitCode());
        assertTrue(console.err().contains("the sidecar of instance default does not run"), console.err());
        assertEquals(1, console.err().lines().count());
    }

    @Test
    void shouldPrintTheAnswerForPrograms() {
        sidecar.willAnswer(200, "{\"temporary\":true}\n");

        assertEquals("{\"temporary\":true}\n", run("stop", "web", "--json").out());
    }

    private Console run(String... arguments) {
        List<String> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of("--runtime-dir", base.toString()));
        return Console.run(all.toArray(String[]::new));
    }
}
