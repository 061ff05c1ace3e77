package io.penstock.control.docs;

import io.penstock.control.config.ConfigKeys;
import java.util.LinkedHashMap;
import java.util.Map;

/// Writes `docs/configuration.md` from the catalogue of keys.
final class ConfigurationPage {
    private static final Map<String, String> SECTIONS = new LinkedHashMap<>();

    static {
        SECTIONS.put("general", "## General");
        SECTIONS.put("forwarder", """
                ## The forwarder

                Read when the forwarder starts; a change takes effect when it starts again.""");
        SECTIONS.put("sidecar", """
                ## The sidecar

                Read when the sidecar starts; a change takes effect when it starts again.""");
        SECTIONS.put("listener", """
                ## Listeners

                `NAME` names the listener, `ID` a backend of it, `KEY` a tag: letters, digits, `-` and `_` (a tag may be
                anything). All of these can change while the instance runs, but for `vip`, `protocol` and `ports`: such a
                change is refused; delete the listener and create it again.

                Two listeners clash when they share a VIP, a protocol and a port; `all` clashes with every port. TCP and
                UDP may share a port. A backend's address stands once in a listener, and is no VIP.""");
        SECTIONS.put("replay", """
                ## Replay

                The network that `penstock replay` pretends to be on. Nothing else reads these keys.""");
    }

    private ConfigurationPage() {}

    static String text() {
        StringBuilder out = new StringBuilder("""
                # Configuration

                *Written from the code by `DocumentsTest`; to write it again:
                `./mvnw -pl control -am test -Dtest=DocumentsTest -Dsurefire.failIfNoSpecifiedTests=false -Dpenstock.docs=write`.*

                One file in the syntax of Java properties, in UTF-8: `key=value`, one a line; a comment begins with `#` and
                has a line of its own; a backslash at the end continues a line.

                - Durations take `ms`, `s`, `m`, `h`; a bare number is seconds. Sizes take `k`, `m`, `g`, in powers of 1024.
                  Both are whole numbers.
                - Addresses are literals. Names are never looked up.
                - Unknown keys, doubled keys, values out of range and listeners that clash are errors. `penstock check FILE`
                  tells all of them at once, or else the effective configuration, defaults included.
                - The file is the one truth: the API and the commands that change configuration write it back, comments
                  kept, in the file (of several) where the key stands.
                """);
        SECTIONS.forEach((section, head) -> {
            out.append('\n').append(head).append("\n\n");
            out.append("| key | values | default | meaning | example |\n|---|---|---|---|---|\n");
            for (ConfigKeys.Key key : ConfigKeys.all()) {
                if (sectionOf(key).equals(section)) {
                    out.append(row(key));
                }
            }
        });
        return out.toString();
    }

    private static String sectionOf(ConfigKeys.Key key) {
        return SECTIONS.containsKey(key.section()) ? key.section() : "general";
    }

    private static String row(ConfigKeys.Key key) {
        return "| `" + key.pattern() + "` | " + cell(key.expected()) + " | " + cell(key.defaultValue()) + " | "
                + cell(key.meaning()) + " | `" + key.example().replace("|", "\\|") + "` |\n";
    }

    private static String cell(String text) {
        return text.replace("|", "\\|").replace("<", "&lt;");
    }
}
