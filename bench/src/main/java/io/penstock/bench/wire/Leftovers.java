package io.penstock.bench.wire;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

/// What a benchmark makes outside its own process, to be removed also when it is ended early (SIGINT, SIGTERM): network
/// namespaces with all that runs in them, and folders.
final class Leftovers {
    private final List<String> namespaces = new CopyOnWriteArrayList<>();
    private final List<Path> folders = new CopyOnWriteArrayList<>();
    private final Thread hook = new Thread(this::removeAll, "ps-bench-leftovers");

    Leftovers() {
        Runtime.getRuntime().addShutdownHook(hook);
    }

    void addNamespace(String name) {
        namespaces.add(name);
    }

    void addFolder(Path folder) {
        folders.add(folder);
    }

    /// The benchmark has come to its end.
    void removeNamespaces() throws IOException {
        for (String namespace : namespaces) {
            Program.run(List.of("ip", "netns", "delete", namespace)); // The kernel removes its links with it.
        }
        namespaces.clear();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException shuttingDown) {
            // Then the hook runs, and finds nothing left to do.
        }
    }

    /// Removes a folder with all that is in it.
    void remove(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        }
        folders.remove(folder);
    }

    private void removeAll() {
        for (String namespace : namespaces) {
            try {
                Program.run(List.of("ip", "netns", "pids", namespace))
                        .lines()
                        .map(pid -> ProcessHandle.of(Long.parseLong(pid.strip())))
                        .forEach(process -> process.ifPresent(ProcessHandle::destroyForcibly));
                Program.run(List.of("ip", "netns", "delete", namespace));
            } catch (IOException gone) {
                // The benchmark was about to remove it itself.
            }
        }
        for (Path folder : folders) {
            try {
                remove(folder);
            } catch (IOException gone) {
                // As above.
            }
        }
    }
}
