package io.penstock.control.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigEditorTest {
    private static final String TEXT = """
            # the edge
            instance = edge1

            listener.web.vip=203.0.113.10
              listener.web.ports : 80,\\
                                   443
            listener.web.health.port=80
            # three of them
            listener.web.backend.a=10.0.0.11
            listener.web.backend.b=10.0.0.12 weight=3
            ! the end
            """;

    @TempDir
    Path folder;

    private Path main;

    @BeforeEach
    void write() throws IOException {
        main = folder.resolve("main.properties");
        Files.writeString(main, TEXT);
    }

    @Test
    void shouldChangeAValueAndNothingElse() throws Exception {
        edit(editor -> {
            editor.set("instance", "edge2");
            editor.set("listener.web.backend.b", "10.0.0.12 weight=5");
        });

        assertEquals(TEXT.replace("edge1", "edge2").replace("weight=3", "weight=5"), Files.readString(main));
    }

    @Test
    void shouldReplaceAContinuedValueWhole() throws Exception {
        edit(editor -> editor.set("listener.web.ports", "81"));

        assertEquals(TEXT.replace("80,\\\n                       443", "81"), Files.readString(main));
    }

    @Test
    void shouldPutANewBackendBehindTheOthers() throws Exception {
        edit(editor -> editor.set("listener.web.backend.c", "10.0.0.13"));

        assertEquals(TEXT.replace("! the end", "listener.web.backend.c=10.0.0.13\n! the end"), Files.readString(main));
    }

    @Test
    void shouldPutANewKeyOfAListenerBehindItsKeys() throws Exception {
        edit(editor -> editor.set("listener.web.scheduler", "lc"));

        assertEquals(TEXT.replace("! the end", "listener.web.scheduler=lc\n! the end"), Files.readString(main));
    }

    @Test
    void shouldPutANewListenerToTheEnd() throws Exception {
        Map<String, String> keys = new LinkedHashMap<>();
        keys.put("vip", "203.0.113.11");
        keys.put("ports", "53");
        keys.put("backend.a", "10.0.0.11");
        edit(editor -> editor.setListener("dns", keys));

        assertEquals(TEXT + """

                        listener.dns.vip=203.0.113.11
                        listener.dns.ports=53
                        listener.dns.backend.a=10.0.0.11
                        """, Files.readString(main));
    }

    @Test
    void shouldRemoveKeysAndListeners() throws Exception {
        edit(editor -> assertTrue(editor.remove("listener.web.backend.a")));
        assertEquals(TEXT.replace("listener.web.backend.a=10.0.0.11\n", ""), Files.readString(main));

        edit(editor -> assertTrue(editor.removeListener("web")));
        assertEquals("# the edge\ninstance = edge1\n\n# three of them\n! the end\n", Files.readString(main));

        edit(editor -> assertFalse(editor.removeListener("web")));
    }

    @Test
    void shouldEditTheFileInWhichAKeyLives() throws Exception {
        Path included = folder.resolve("web.properties");
        Files.writeString(included, "# web\n" + TEXT.substring(TEXT.indexOf("listener.web.vip")));
        Files.writeString(main, "instance=a\ninclude=web.properties\n");

        edit(editor -> {
            editor.set("listener.web.backend.a", "10.0.0.99");
            editor.set("listener.web.backend.z", "10.0.0.26");
        });

        assertEquals("instance=a\ninclude=web.properties\n", Files.readString(main));
        String text = Files.readString(included);
        assertTrue(text.startsWith("# web\n"), text);
        assertTrue(text.contains("backend.a=10.0.0.99\n"), text);
        assertTrue(text.contains("weight=3\nlistener.web.backend.z=10.0.0.26\n! the end"), text);
    }

    @Test
    void shouldCheckBeforeItWrites() throws Exception {
        ConfigEditor editor = ConfigEditor.open(main);
        editor.set("listener.web.backend.c", "10.0.0.11");

        ConfigException wrong = assertThrows(ConfigException.class, editor::preview);

        assertEquals(
                List.of(main + ":11: listener.web.backend.c: 10.0.0.11 is also backend a"
                        + " (each address once in a listener)"),
                wrong.problems().stream().map(Problem::text).toList());
        assertEquals(TEXT, Files.readString(main));
    }

    @Test
    void shouldNotWriteOverSomebodyElsesChange() throws Exception {
        ConfigEditor editor = ConfigEditor.open(main);
        editor.set("instance", "mine");
        Files.writeString(main, TEXT + "# theirs\n");

        IOException refused = assertThrows(IOException.class, editor::save);

        assertTrue(String.valueOf(refused.getMessage()).contains("changed by somebody else"), refused.getMessage());
        assertEquals(TEXT + "# theirs\n", Files.readString(main));
    }

    @Test
    void shouldKeepModeAndFollowLinks() throws Exception {
        Files.setPosixFilePermissions(main, PosixFilePermissions.fromString("rw-r-----"));
        Path link = folder.resolve("link.properties");
        Files.createSymbolicLink(link, Path.of("main.properties"));

        ConfigEditor editor = ConfigEditor.open(link);
        editor.set("instance", "edge2");
        editor.save();

        assertTrue(Files.isSymbolicLink(link));
        assertTrue(Files.readString(main).contains("edge2"));
        assertEquals("rw-r-----", PosixFilePermissions.toString(Files.getPosixFilePermissions(main)));
        try (Stream<Path> files = Files.list(folder)) {
            assertEquals(2, files.count(), "nothing is left beside");
        }
    }

    @Test
    void shouldKeepLineEndsAndEndTheLastLine() throws Exception {
        Files.writeString(main, TEXT.replace("\n", "\r\n").stripTrailing() + "\r\ninstance.x");
        Files.writeString(main, TEXT.replace("\n", "\r\n").replace("! the end\r\n", "limit.listeners 5"));
        edit(editor -> {
            editor.set("limit.listeners", "6");
            editor.set("forwarder.batch", "128");
        });

        String text = Files.readString(main);
        assertTrue(text.endsWith("limit.listeners 6\r\nforwarder.batch=128\r\n"), text);
        assertFalse(text.replace("\r\n", "").contains("\n"), text);
    }

    @Test
    void shouldGiveAKeyWithoutAValueOne() throws Exception {
        Files.writeString(main, TEXT + "forwarder.tunnel-source\n");
        edit(editor -> editor.set("forwarder.tunnel-source", "10.0.0.1"));

        assertEquals(TEXT + "forwarder.tunnel-source=10.0.0.1\n", Files.readString(main));
    }

    /// Random edits against a map: what is read back is what was set, and comments stay.
    @Test
    void shouldDoWhatAMapDoes() throws Exception {
        Random random = Seeds.random("ConfigEditorTest");
        Files.writeString(main, TEXT + "include=more.properties\n");
        Files.writeString(folder.resolve("more.properties"), "# more\nlistener.dns.vip=1\n");
        ConfigEditor editor = ConfigEditor.open(main);
        Map<String, String> model = new LinkedHashMap<>();
        PropertiesFile.load(main).entries().forEach((key, entry) -> model.put(key, entry.value()));
        for (int round = 0; round < 2_000; round++) {
            String key = "listener." + (random.nextBoolean() ? "web" : "dns") + ".backend.b" + random.nextInt(20);
            if (random.nextInt(3) == 0) {
                assertEquals(model.remove(key) != null, editor.remove(key));
            } else {
                String value = " v=" + random.nextInt() + "\\ \n#";
                model.put(key, value);
                editor.set(key, value);
            }
            if (round % 100 == 0) {
                editor.save();
                Map<String, String> read = new LinkedHashMap<>();
                PropertiesFile file = PropertiesFile.load(main);
                assertEquals(List.of(), file.problems());
                file.entries().forEach((name, entry) -> read.put(name, entry.value()));
                assertEquals(model, read);
                assertTrue(Files.readString(main).contains("# three of them\n"));
            }
        }
    }

    @Test
    void shouldNotReachOtherListenersThroughAName() throws Exception {
        ConfigEditor editor = ConfigEditor.open(main);

        assertThrows(IllegalArgumentException.class, () -> editor.setListener("web.backend", Map.of("x", "10.0.0.66")));
    }

    private interface Edit {
        void apply(ConfigEditor editor) throws Exception;
    }

    private void edit(Edit edit) throws Exception {
        ConfigEditor editor = ConfigEditor.open(main);
        edit.apply(editor);
        editor.save();
        assertFalse(editor.isChanged());
    }
}
