package io.penstock.control.config;

import io.penstock.control.runtime.AtomicFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Changes keys of a properties file and its includes and leaves all else as people wrote it: comments, order, blank
/// lines, spelling. A key is changed in the file in which it stands; a new one is put behind its nearest relatives.
///
/// Edits are in memory until [#save()]. [#preview()] checks the edited text by every rule first. Not thread-safe.
public final class ConfigEditor {
    private final Path path;
    private final List<Document> documents = new ArrayList<>();

    private ConfigEditor(Path path) {
        this.path = path;
    }

    /// Opens a file.
    ///
    /// @param path as the operator named it
    /// @throws ConfigException when the text itself is wrong: unreadable, doubled keys, bad includes
    public static ConfigEditor open(Path path) throws ConfigException {
        PropertiesFile file = PropertiesFile.load(path);
        if (!file.problems().isEmpty()) {
            throw new ConfigException(file.problems());
        }
        ConfigEditor editor = new ConfigEditor(path);
        for (PropertiesFile.Source source : file.sources()) {
            editor.documents.add(new Document(source));
        }
        return editor;
    }

    /// Sets a key.
    ///
    /// @param key   the whole key
    /// @param value as it is meant; what the syntax needs is added
    public void set(String key, String value) {
        for (Document document : documents) {
            Piece piece = document.byKey.get(key);
            if (piece != null) {
                piece.value(value);
                return;
            }
        }
        insert(key, value);
    }

    /// Removes a key.
    ///
    /// @return whether it was there
    public boolean remove(String key) {
        for (Document document : documents) {
            Piece piece = document.byKey.remove(key);
            if (piece != null) {
                document.pieces.remove(piece);
                return true;
            }
        }
        return false;
    }

    /// Makes a listener have exactly these keys: those that differ are set, those that are not named are removed.
    ///
    /// @param name letters, digits, `-` and `_`: anything else could reach keys of other listeners
    /// @param keys by what follows `listener.NAME.`, in the order in which new ones are to stand
    public void setListener(String name, Map<String, String> keys) {
        if (!ListenerReader.isName(name)) {
            throw new IllegalArgumentException("name=" + name + ": " + ConfigKeys.NAME_EXPECTED + " expected");
        }
        String prefix = "listener." + name + ".";
        for (String key : keysWith(prefix)) {
            if (!keys.containsKey(key.substring(prefix.length()))) {
                remove(key);
            }
        }
        Map<String, String> before = values(prefix);
        keys.forEach((suffix, value) -> {
            if (!value.equals(before.get(prefix + suffix))) {
                set(prefix + suffix, value);
            }
        });
    }

    /// Removes every key of a listener.
    ///
    /// @return whether there were any
    public boolean removeListener(String name) {
        Set<String> keys = keysWith("listener." + name + ".");
        keys.forEach(this::remove);
        return !keys.isEmpty();
    }

    /// {@return the keys of a listener as they are written now, by what follows `listener.NAME.`}
    public Map<String, String> listener(String name) {
        String prefix = "listener." + name + ".";
        Map<String, String> keys = new LinkedHashMap<>();
        values(prefix).forEach((key, value) -> keys.put(key.substring(prefix.length()), value));
        return keys;
    }

    private Set<String> keysWith(String prefix) {
        return new LinkedHashSet<>(values(prefix).keySet());
    }

    private Map<String, String> values(String prefix) {
        Map<String, String> values = new LinkedHashMap<>();
        for (Document document : documents) {
            for (Piece piece : document.pieces) {
                if (piece.key != null && piece.key.startsWith(prefix)) {
                    values.put(piece.key, piece.value);
                }
            }
        }
        return values;
    }

    /// {@return whether [#save()] would write anything}
    public boolean isChanged() {
        return documents.stream().anyMatch(document -> !document.text().equals(document.source.text()));
    }

    /// Reads the edited text as if it had been saved.
    ///
    /// @throws ConfigException naming everything that is wrong with it
    public ConfigLoader.Loaded preview() throws ConfigException {
        Map<Path, String> overlay = new HashMap<>();
        documents.forEach(document -> overlay.put(document.source.path(), document.text()));
        return ConfigLoader.load(PropertiesFile.load(path, overlay));
    }

    /// Writes what changed: each file beside, synced, then renamed over the old one, with its owner and mode. A link is
    /// followed.
    ///
    /// @throws IOException when a file was changed by somebody else meanwhile, or cannot be written; with
    ///     several files those before it are written
    public void save() throws IOException {
        for (Document document : documents) {
            if (!document.text().equals(document.source.text()) && document.isChangedOutside()) {
                throw new IOException(
                        document.source.name() + " was changed by somebody else meanwhile; nothing written");
            }
        }
        for (int i = 0; i < documents.size(); i++) {
            Document document = documents.get(i);
            String text = document.text();
            if (!text.equals(document.source.text())) {
                replace(document.source.path(), text);
                PropertiesFile.Source saved =
                        new PropertiesFile.Source(document.source.path(), document.source.name(), text);
                documents.set(i, new Document(saved));
            }
        }
    }

    private static void replace(Path file, String text) throws IOException {
        Path real = file.toRealPath();
        PosixFileAttributes before = Files.readAttributes(real, PosixFileAttributes.class);
        AtomicFile.writeDurably(real, text.getBytes(StandardCharsets.UTF_8), before.permissions());
        PosixFileAttributeView after = Files.getFileAttributeView(real, PosixFileAttributeView.class);
        PosixFileAttributes now = after.readAttributes();
        if (!now.owner().equals(before.owner())) {
            after.setOwner(before.owner());
        }
        if (!now.group().equals(before.group())) {
            after.setGroup(before.group());
        }
    }

    /// A new key goes behind the last one with the same beginning: a backend behind the backends of its listener, else
    /// behind the listener's keys; a key of a new listener to the end of the first file.
    private void insert(String key, String value) {
        String prefix = key;
        while (true) {
            int dot = prefix.lastIndexOf('.', prefix.length() - 2);
            prefix = dot < 0 ? "" : prefix.substring(0, dot + 1);
            if (prefix.isEmpty() || prefix.equals("listener.")) {
                break;
            }
            for (Document document : documents.reversed()) {
                int last = document.lastWith(prefix);
                if (last >= 0) {
                    document.insert(last + 1, key, value);
                    return;
                }
            }
        }
        Document first = documents.getFirst();
        if (key.startsWith("listener.")) {
            first.blankLine();
        }
        first.insert(first.pieces.size(), key, value);
    }

    /// One file as pieces, which in their order are its text.
    private static final class Document {
        private final PropertiesFile.Source source;
        private final List<Piece> pieces = new ArrayList<>();
        private final Map<String, Piece> byKey = new HashMap<>();
        private final String newline;

        Document(PropertiesFile.Source source) {
            this.source = source;
            String text = source.text();
            int end = text.indexOf('\n');
            newline = end > 0 && text.charAt(end - 1) == '\r' ? "\r\n" : "\n";
            int done = 0;
            for (PropertiesText.Entry entry : PropertiesText.parse(text)) {
                if (entry.start() > done) {
                    pieces.add(new Piece(null, text.substring(done, entry.start()), "", "", ""));
                }
                Piece piece = new Piece(
                        entry.key(),
                        text.substring(entry.start(), entry.valueStart()),
                        entry.value(),
                        text.substring(entry.valueStart(), entry.end()),
                        text.substring(entry.end(), entry.next()));
                pieces.add(piece);
                byKey.putIfAbsent(entry.key(), piece);
                done = entry.next();
            }
            if (done < text.length()) {
                pieces.add(new Piece(null, text.substring(done), "", "", ""));
            }
        }

        int lastWith(String prefix) {
            for (int i = pieces.size() - 1; i >= 0; i--) {
                String key = pieces.get(i).key;
                if (key != null && key.startsWith(prefix)) {
                    return i;
                }
            }
            return -1;
        }

        void insert(int index, String key, String value) {
            endLine(index);
            String head = PropertiesText.escapeKey(key) + "=";
            Piece piece = new Piece(key, head, value, PropertiesText.escapeValue(value), newline);
            pieces.add(index, piece);
            byKey.put(key, piece);
        }

        /// Sees to it that what stands before a place ends its line.
        private void endLine(int index) {
            if (index > 0 && !pieces.get(index - 1).endsLine()) {
                pieces.add(index - 1, pieces.remove(index - 1).withNewline(newline, byKey));
            }
        }

        void blankLine() {
            endLine(pieces.size());
            String text = text();
            if (!text.isEmpty() && !text.endsWith(newline + newline)) {
                pieces.add(new Piece(null, newline, "", "", ""));
            }
        }

        String text() {
            StringBuilder text = new StringBuilder();
            for (Piece piece : pieces) {
                text.append(piece.head).append(piece.rawValue).append(piece.tail);
            }
            return text.toString();
        }

        boolean isChangedOutside() throws IOException {
            // The text was read without a byte order mark.
            String now = Files.readString(source.path());
            return !(now.startsWith("\ufeff") ? now.substring(1) : now).equals(source.text());
        }
    }

    /// An entry, or the comments and blank lines between two.
    private static final class Piece {
        private final @Nullable String key;
        private final String tail;
        private String head;
        private String value;
        private String rawValue;

        Piece(@Nullable String key, String head, String value, String rawValue, String tail) {
            this.key = key;
            this.head = head;
            this.value = value;
            this.rawValue = rawValue;
            this.tail = tail;
        }

        void value(String now) {
            if (!now.equals(value)) {
                value = now;
                rawValue = PropertiesText.escapeValue(now);
                if (!isSeparated()) {
                    head += "=";
                }
            }
        }

        /// A key may stand alone on its line, without anything that parts it from its empty value.
        private boolean isSeparated() {
            int last = head.length() - 1;
            int backslashes = 0;
            while (backslashes < last && head.charAt(last - 1 - backslashes) == '\\') {
                backslashes++;
            }
            return "=: \t\f".indexOf(head.charAt(last)) >= 0 && (backslashes & 1) == 0;
        }

        boolean endsLine() {
            String last = tail.isEmpty() ? head + rawValue : tail;
            return last.endsWith("\n") || last.endsWith("\r");
        }

        Piece withNewline(String newline, Map<String, Piece> byKey) {
            Piece piece = new Piece(key, head, value, rawValue, tail + newline);
            if (key != null) {
                byKey.put(key, piece);
            }
            return piece;
        }
    }
}
