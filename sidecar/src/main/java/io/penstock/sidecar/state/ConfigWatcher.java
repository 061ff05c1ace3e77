package io.penstock.sidecar.state;

import io.penstock.control.log.Log;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
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
    private static final long LOOK_MS = 500;
    private static final long STILL_MS = 50;
    private static final long MOST_WAIT_MS = 2_000;

    private final Log log = new Log("config");
    private final Runnable onChange;
    private final Map<Path, WatchKey> folders = new HashMap<>();
    private final Thread thread;
    private @Nullable WatchService notices;
    private volatile List<Path> files = List.of();
    private volatile boolean closed;

    /// What tells one state of a file from another.
    private record Print(long modifiedUs, long length, String key) {}

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

    /// Starts to watch, or watches other files from now on. What they look like at this moment counts as known.
    ///
    /// @param now absolute paths; files that do not exist are fine
    public void watch(List<Path> now) {
        files = List.copyOf(now);
        if (thread.getState() == Thread.State.NEW) {
            thread.start();
        }
    }

    private void run() {
        List<Path> watched = files;
        List<Print> known = prints(watched);
        while (!closed) {
            registerFolders(watched);
            if (!await(LOOK_MS)) {
                return;
            }
            List<Print> seen = prints(watched);
            if (!seen.equals(known)) {
                known = settled(watched, seen);
                onChange.run();
            }
            if (!watched.equals(files)) {
                List<Path> before = watched;
                List<Print> beforePrints = known;
                watched = files;
                known = prints(watched);
                for (int i = 0; i < before.size(); i++) { // A file that stays watched must not change unseen.
                    int at = watched.indexOf(before.get(i));
                    if (at >= 0) {
                        known.set(at, beforePrints.get(i));
                    }
                }
            }
        }
    }

    private List<Print> settled(List<Path> watched, List<Print> first) {
        List<Print> before = first;
        long giveUpNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(MOST_WAIT_MS);
        while (!closed && System.nanoTime() - giveUpNs < 0) {
            sleep(STILL_MS);
            List<Print> now = prints(watched);
            if (now.equals(before)) {
                return now;
            }
            before = now;
        }
        return before;
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

    private void registerFolders(List<Path> watched) {
        WatchService service = notices;
        if (service == null) {
            return;
        }
        for (Path file : watched) {
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

    private static List<Print> prints(List<Path> files) {
        List<Print> prints = new ArrayList<>();
        for (Path file : files) {
            prints.add(print(file));
        }
        return prints;
    }

    private static Print print(Path file) {
        try {
            BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
            return new Print(
                    now.lastModifiedTime().to(TimeUnit.MICROSECONDS), now.size(), String.valueOf(now.fileKey()));
        } catch (IOException e) {
            return new Print(0, -1, "");
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
