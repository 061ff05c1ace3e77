package io.penstock.control.config;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Shows S3-92, S3-93.
class ConfigChangeTest {
    private static final String BEFORE = """
            listener.web.vip=203.0.113.10,203.0.113.11
            listener.web.ports=80,443
            listener.web.health.port=80
            listener.web.backend.a=10.0.0.11
            """;

    @ParameterizedTest
    @CsvSource(delimiterString = "=>", textBlock = """
            vip=203.0.113.10               => f:1: listener.web.vip: cannot change from 203.0.113.10,203.0.113.11 while the listener exists (delete the listener and create it again)
            ports=80,443,444               => f:2: listener.web.ports: cannot change from 80,443 while the listener exists (delete the listener and create it again)
            """)
    void shouldRefuseToMoveAListener(String line, String refusal) throws ConfigException {
        String key = line.substring(0, line.indexOf('='));

        assertEquals(List.of(refusal), refusals(BEFORE.replaceAll(key + "=.*", line)));
    }

    @Test
    void shouldRefuseAnotherProtocol() throws ConfigException {
        assertEquals(
                List.of("f:5: listener.web.protocol: cannot change from tcp while the listener exists"
                        + " (delete the listener and create it again)"),
                refusals(BEFORE + "listener.web.protocol=udp\n"));
    }

    @Test
    void shouldTakeOverAllElse() throws ConfigException {
        assertEquals(List.of(), refusals(BEFORE));
        assertEquals(List.of(), refusals(BEFORE.replace("203.0.113.10,203.0.113.11", "203.0.113.11, 203.0.113.10")));
        assertEquals(List.of(), refusals(BEFORE.replace("80,443", "443, 80")));
        assertEquals(List.of(), refusals(BEFORE.replace("10.0.0.11", "10.0.0.12") + "listener.web.scheduler=lc\n"));
        assertEquals(List.of(), refusals(""));
        assertEquals(List.of(), refusals(BEFORE + BEFORE.replace("web", "other").replace("80,443", "81")));
    }

    @Test
    void shouldRefuseAnotherName() throws ConfigException {
        assertEquals(1, refusals("instance=other\n" + BEFORE).size());
    }

    @Test
    void shouldSayWhatNeedsARestart() throws ConfigException {
        PenstockConfig before = ConfigLoader.parse(BEFORE, "f").config();
        ConfigLoader.Loaded after =
                ConfigLoader.parse("forwarder.batch=128\nsidecar.api=off\nforwarder.idle=adaptive\n" + BEFORE, "f");

        assertEquals(
                List.of("forwarder.batch", "sidecar.api"),
                ConfigChange.restarts(before, after).stream().map(Problem::key).toList());
    }

    private static List<String> refusals(String text) throws ConfigException {
        PenstockConfig before = ConfigLoader.parse(BEFORE, "f").config();
        return ConfigChange.refusals(before, ConfigLoader.parse(text, "f")).stream()
                .map(Problem::text)
                .toList();
    }
}
