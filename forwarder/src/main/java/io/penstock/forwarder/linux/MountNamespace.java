package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.LinuxException.check;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/// The mount namespace that outlives this process. `ip netns exec` and services with private mounts give a process a
/// copy, and what is mounted in a copy is gone with it; so things that are to last are mounted where our ancestors
/// live.
public final class MountNamespace {
    private static final int CLONE_FS = 0x200;
    private static final int CLONE_NEWNS = 0x20000;
    private static final int O_CLOEXEC = 0x80000;
    private static final int MNT_DETACH = 2;

    private MountNamespace() {}

    /// Runs a task on a thread of its own that is in the caller's network namespace and in the outermost mount
    /// namespace of our ancestors that we may enter and that has the same root; else in our own. Without
    /// CAP_SYS_ADMIN we may enter none, and mount nothing either.
    ///
    /// @throws Exception what the task throws
    public static <T> T inOutermost(Callable<T> task) throws Exception {
        FutureTask<T> future = new FutureTask<>(() -> {
            enterOutermost();
            return task.call();
        });
        // A platform thread: a new one has the namespaces of the thread that starts it.
        Thread.ofPlatform().name("ps-mounts").daemon().start(future);
        try {
            return future.get();
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case Exception exception -> throw exception;
                case Error error -> throw error;
                case null, default -> throw e;
            }
        }
    }

    private static void enterOutermost() {
        Path outermost = outermost();
        if (outermost == null) {
            return;
        }
        Libc libc = new Libc(Arena.ofAuto());
        int namespace = libc.open(outermost.toString(), O_CLOEXEC, 0);
        check(namespace, "open(" + outermost + ")");
        try {
            // The working directory and root are the process's until now; the kernel wants them to be our own.
            check(libc.unshare(CLONE_FS), "unshare(CLONE_FS)");
            int result = libc.setns(namespace, CLONE_NEWNS);
            if (!Errno.EPERM.is(result)) {
                check(result, "setns(" + outermost + ")");
            }
        } finally {
            libc.close(namespace);
        }
    }

    /// {@return the namespace file of the outermost ancestor whose mounts are not ours but whose root is, or null}
    private static @Nullable Path outermost() {
        Path found = null;
        Optional<ProcessHandle> ancestor = ProcessHandle.current().parent();
        while (ancestor.isPresent()) {
            Path process = Path.of("/proc", Long.toString(ancestor.get().pid()));
            Path namespace = process.resolve("ns/mnt");
            try {
                boolean ours = Files.readSymbolicLink(namespace)
                        .equals(Files.readSymbolicLink(Path.of("/proc/thread-self/ns/mnt")));
                if (hasOurRoot(process)) {
                    found = ours ? null : namespace;
                }
            } catch (IOException mayNotLook) {
                // More privileged than we are, or gone meanwhile: those nearer to us will do.
            }
            ancestor = ancestor.get().parent();
        }
        return found;
    }

    private static boolean hasOurRoot(Path process) throws IOException {
        Path root = process.resolve("root/");
        return Files.getAttribute(root, "unix:dev").equals(Files.getAttribute(Path.of("/"), "unix:dev"))
                && Files.getAttribute(root, "unix:ino").equals(Files.getAttribute(Path.of("/"), "unix:ino"));
    }

    /// Mounts an empty bpf file system on a folder, unless something is mounted there.
    ///
    /// @return whether it was mounted now
    /// @throws LinuxException when the kernel refuses
    public static boolean mountBpf(Path folder) throws IOException {
        if (isMountPoint(folder)) {
            return false;
        }
        int result = new Libc(Arena.ofAuto()).mount("bpf", folder.toString(), "bpf", 0, "mode=0700");
        check(result, "mount(bpf, " + folder + ")");
        return true;
    }

    /// Takes away what [#mountBpf(Path)] mounted.
    public static void unmount(Path folder) throws IOException {
        if (Files.isDirectory(folder) && isMountPoint(folder)) {
            check(new Libc(Arena.ofAuto()).umount2(folder.toString(), MNT_DETACH), "umount(" + folder + ")");
        }
    }

    private static boolean isMountPoint(Path folder) throws IOException {
        Path parent = folder.toAbsolutePath().getParent();
        return parent != null && !Files.getAttribute(folder, "unix:dev").equals(Files.getAttribute(parent, "unix:dev"));
    }
}
