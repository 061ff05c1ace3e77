package io.penstock.sidecar.state;

import io.penstock.control.log.Log;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Tells when one of some files changed: written in place, replaced by a rename, removed, or swapped behind a symbolic
/// link.
///
/// The kernel's notices (inotify) make it quick; a look at the files twice a second makes it sure, since notices do not
/// cover links to elsewhere or network file systems. A change is told once the files have stood still for a moment, so
/// that an editor has finished writing.
public final class ConfigWatcher implements AutoCloseable {
    // The change time is there for a file that was renamed away and back between two looks: all else is as it was.
    private static final String ATTRIBUTES = "unix:lastModifiedTime,size,dev,ino,ctime";
    private static final long LOOK_MS = 500;
    private static final long STILL_MS = 50;
    private static final long MOST_WAIT_MS = 2_000;

    private final Log log = new Log("config");
    private final Runnable onChange;
    private final Map<Path, Print> known = new LinkedHashMap<>(); // under its own monitor
    private final Map<Path, WatchKey> folders = new HashMap<>(); // of the watcher's thread
    private final Thread thread;
    private @Nullable WatchService notices;
    private volatile boolean closed;

    /// What tells one state of a file from another; empty where there is none.
    private record Print(Map<String, Object> attributes) {}

    /// @param onChange called on the watcher's own thread
    public ConfigWatcher(Runnable onChange) {
        this.onChange = onChange;
        try {
            notices = FileSystems.getDefault().newWatchService();
        } catch (IOException e) { // Out of inotify instances, for one.
            log.warn("changes of the file are noticed by looking alone: " + Log.reason(e));
        }
        thread = Thread.ofPlatform().daemon().name("ps-watch").unstarted(this::run);
    }

    /// Watches these files from now on. What a new one looks like at this moment counts as known, so read it
    /// afterwards.
    ///
    /// @param files absolute paths; files that do not exist are fine
    /// @return whether there are new ones among them
    public boolean watch(List<Path> files) {
        boolean more = false;
        synchronized (known) {
            known.keySet().retainAll(new HashSet<>(files));
            for (Path file : files) {
                more |= known.putIfAbsent(file, print(file)) == null;
            }
        }
        if (thread.getState() == Thread.State.NEW) {
            thread.start();
        }
        return more;
    }

    private void run() {
        while (!closed) {
            registerFolders();
            if (!await(LOOK_MS)) {
                return;
            }
            if (look()) {
                long giveUpNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(MOST_WAIT_MS);
                do {
                    sleep(STILL_MS);
                } while (!closed && look() && System.nanoTime() - giveUpNs < 0);
                if (!closed) {
                    onChange.run();
                }
            }
        }
    }

    /// {@return whether a file differs from the last look}
    private boolean look() {
        boolean differs = false;
        synchronized (known) {
            for (Map.Entry<Path, Print> file : known.entrySet()) {
                Print now = print(file.getKey());
                differs |= !now.equals(file.getValue());
                file.setValue(now);
            }
        }
        return differs;
    }

    private void sleep(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            closed = true;
        }
    }

    /// {@return false when it is time to end}
    private boolean await(long ms) {
        WatchService service = notices;
        if (service == null) {
            sleep(ms);
            return !closed;
        }
        try {
            WatchKey key = service.poll(ms, TimeUnit.MILLISECONDS);
            while (key != null) { // All that is there: one look answers all of it.
                key.pollEvents();
                if (!key.reset()) {
                    folders.values().remove(key);
                }
                key = service.poll();
            }
            return !closed;
        } catch (InterruptedException | java.nio.file.ClosedWatchServiceException e) {
            return false;
        }
    }

    private void registerFolders() {
        WatchService service = notices;
        if (service == null) {
            return;
        }
        List<Path> files;
        synchronized (known) {
            files = List.copyOf(known.keySet());
        }
        for (Path file : files) {
            Path folder = file.getParent();
            if (folder != null && !folders.containsKey(folder)) {
                try {
                    folders.put(
                            folder,
                            folder.register(
                                    service,
                                    StandardWatchEventKinds.ENTRY_CREATE,
                                    StandardWatchEventKinds.ENTRY_MODIFY,
                                    StandardWatchEventKinds.ENTRY_DELETE));
                } catch (IOException e) {
                    // The folder is gone for the moment; looking goes on.
                }
            }
        }
    }

    private static Print print(Path file) {
        try {
            return new Print(Files.readAttributes(file, ATTRIBUTES));
        } catch (IOException e) {
            return new Print(Map.of());
        }
    }

    @Override
    public void close() {
        closed = true;
        thread.interrupt();
        try {
            if (notices != null) {
                notices.close();
            }
        } catch (IOException e) {
            log.error("close", e);
        }
    }
}
