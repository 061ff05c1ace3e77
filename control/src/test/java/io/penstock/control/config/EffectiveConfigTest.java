package io.penstock.control.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class EffectiveConfigTest {

    @Test
    void shouldBeReadBackEqual() throws ConfigException {
        Random random = Seeds.random("EffectiveConfigTest");
        for (int round = 0; round < 3_000; round++) {
            PenstockConfig config = new RandomConfig(random).config(random.nextInt(4));
            String text = EffectiveConfig.text(config);
            try {
                assertEquals(config, ConfigLoader.parse(text, "f").config(), text);
            } catch (ConfigException refused) {
                throw new AssertionError(text, refused);
            }
        }
    }

    @Test
    void shouldSayEveryKeyThatHasADefault() throws ConfigException {
        PenstockConfig config = ConfigLoader.parse(
                        "listener.web.vip=203.0.113.10\nlistener.web.ports=443\nlistener.web.backend.a=10.0.0.11\n",
                        "f")
                .config();
        TreeSet<String> keys = new TreeSet<>(PropertiesFile.parse(EffectiveConfig.text(config), "f")
                .entries()
                .keySet());

        // These have no default that could be written.
        List<String> absent = List.of(
                "include",
                "forwarder.interface",
                "listener.web.tags.KEY",
                "listener.web.health.port",
                "listener.web.health.receive",
                "listener.web.health.script");
        for (ConfigKeys.Key key : ConfigKeys.all()) {
            String name = key.pattern().replace("NAME", "web").replace(".ID", ".a");
            assertEquals(!absent.contains(name), keys.contains(name), name);
        }
    }

    @Test
    void shouldWriteABackendAsOneWouldInTheFile() throws ConfigException {
        ListenerConfig listener = ConfigLoader.listener(
                "web",
                Map.of(
                        "vip", "2001:db8::1",
                        "ports", "443",
                        "backend.a", "FD00:0::11  weight=3   forwarding=ipip max-flows=1k"));

        assertEquals(
                "fd00::11 weight=3 forwarding=ipip max-flows=1024",
                EffectiveConfig.backend(listener.backends().getFirst()));
    }

    @Test
    void shouldWriteNoWarningsIntoBeing() throws ConfigException {
        String text = """
                listener.dns.vip=203.0.113.10
                listener.dns.protocol=udp
                listener.dns.ports=53
                listener.dns.backend.a=10.0.0.11
                """;
        PenstockConfig config = ConfigLoader.parse(text, "f").config();

        assertTrue(
                ConfigLoader.parse(EffectiveConfig.text(config), "f").warnings().isEmpty());
    }
}
