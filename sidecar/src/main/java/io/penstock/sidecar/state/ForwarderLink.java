package io.penstock.sidecar.state;

import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.status.StatusReader;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What the sidecar sees of the forwarder: its status file, opened when it appears, looked at anew when it is replaced.
/// The forwarder may start before, after, or not at all. For one thread.
public final class ForwarderLink implements AutoCloseable {
    private final RuntimeFolder folder;
    private @Nullable StatusReader reader;

    /// @param folder of the instance
    public ForwarderLink(RuntimeFolder folder) {
        this.folder = folder;
    }

    /// {@return the status file as it is now; empty while there is none that can be read}
    public Optional<StatusReader> reader() {
        try {
            StatusReader open = reader;
            if (open == null) {
                open = StatusReader.open(folder.statusFile());
                reader = open;
            } else {
                open.refresh();
            }
            return Optional.of(open);
        } catch (IOException e) { // None yet, just being replaced, or of another layout.
            return Optional.empty();
        }
    }

    /// {@return whether a forwarder runs}
    public boolean isAlive() {
        return reader().map(StatusReader::isAlive).orElse(false);
    }

    /// {@return the version of the snapshot that the forwarder works by, 0 for none}
    public long appliedSnapshot() {
        return reader().map(StatusReader::appliedSnapshot).orElse(0L);
    }

    /// {@return when the forwarder started, ms since 1970; 0 when there is none}
    public long startMs() {
        return reader().map(StatusReader::startMs).orElse(0L);
    }

    @Override
    public void close() {
        if (reader != null) {
            reader.close();
        }
    }
}
