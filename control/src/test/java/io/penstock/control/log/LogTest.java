package io.penstock.control.log;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;

class LogTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

    @Test
    void shouldBeginWithTimeAndLevel() {
        Clock clock = Clock.fixed(Instant.parse("2026-11-21T03:14:15.900Z"), ZoneOffset.UTC);
        new Log("health", new Log.Sink(out, clock)).warn("backend a is down");
        assertEquals("2026-11-21T03:14:15.900Z warn health: backend a is down\n", text());
    }

    @Test
    void shouldBeginWithThePriorityUnderSystemd() {
        new Log("config", new Log.Sink(out, null)).error("bad file", new IllegalStateException("gone"));
        assertEquals("<3>config: bad file: IllegalStateException: gone\n", text());
    }

    @Test
    void shouldStayOnOneLine() {
        new Log("api", new Log.Sink(out, null)).info("name\n<0>forged\u001b[2J");
        assertEquals("<6>api: name <0>forged [2J\n", text());
    }

    private String text() {
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
