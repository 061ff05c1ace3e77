package io.penstock.forwarder.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/// Gives up what the calling thread may ask of the kernel (capabilities(7)) beyond what it needs from here on.
///
/// Capabilities belong to a thread, and threads that it starts later inherit them. So each of our threads gives up
/// its own: a worker, which reads what strangers send, all of them, since frames are received and sent by sockets that
/// are open and memory that is mapped; the conductor all but those below. Threads of the JVM itself keep what the
/// process was started with; `setpriv` or systemd's `CapabilityBoundingSet` bound that.
public final class Privileges {
    /// What a thread may keep; the numbers are those of `linux/capability.h`.
    public enum Capability {
        /// Routes, neighbours, BPF links on interfaces, sysctls of the network.
        NET_ADMIN(12),
        /// AF_PACKET and AF_XDP sockets.
        NET_RAW(13),
        /// Memory beyond the lock limit for rings.
        IPC_LOCK(14),
        /// BPF maps and programs.
        BPF(39);

        private final int number;

        Capability(int number) {
            this.number = number;
        }
    }

    /// What the conductor needs when links, VIPs and neighbours change after the start.
    public static final Set<Capability> OF_CONDUCTOR =
            Set.of(Capability.NET_ADMIN, Capability.NET_RAW, Capability.IPC_LOCK, Capability.BPF);

    private static final int VERSION_3 = 0x2008_0522;
    private static final int PR_SET_NO_NEW_PRIVS = 38;
    private static final int WORDS = 2;
    private static final int EFFECTIVE = 0;
    private static final int PERMITTED = 4;
    private static final int DATA_LENGTH = 12; // effective, permitted, inheritable

    private Privileges() {}

    /// Keeps of what the calling thread has only these, for good: nothing that it executes can gain any either.
    ///
    /// @throws LinuxException when the kernel refuses, which it does for no thread that gives something up
    public static void keepOnly(Set<Capability> kept) {
        long wanted = 0;
        for (Capability capability : kept) {
            wanted |= 1L << capability.number;
        }
        long permitted = wanted & permitted();
        Libc libc = new Libc(Arena.ofAuto());
        try (Arena arena = Arena.ofConfined()) {
            LinuxException.check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1), "prctl(PR_SET_NO_NEW_PRIVS)");
            MemorySegment header = arena.allocate(8, 4); // version, thread: 0 is the calling one
            header.set(ValueLayout.JAVA_INT, 0, VERSION_3);
            MemorySegment data = arena.allocate((long) WORDS * DATA_LENGTH, 4);
            for (int word = 0; word < WORDS; word++) {
                int bits = (int) (permitted >>> (32 * word));
                data.set(ValueLayout.JAVA_INT, (long) word * DATA_LENGTH + EFFECTIVE, bits);
                data.set(ValueLayout.JAVA_INT, (long) word * DATA_LENGTH + PERMITTED, bits);
            }
            LinuxException.check(libc.capset(header, data), "capset(" + kept + ")");
        }
    }

    // Asking for more than there is would be refused as a whole.
    private static long permitted() {
        try {
            List<String> lines = Files.readAllLines(Path.of("/proc/thread-self/status"));
            return lines.stream()
                    .filter(line -> line.startsWith("CapPrm:"))
                    .mapToLong(line -> Long.parseUnsignedLong(line.substring(7).strip(), 16))
                    .findFirst()
                    .orElse(0);
        } catch (IOException e) { // No /proc: then nothing is kept.
            return 0;
        }
    }
}
