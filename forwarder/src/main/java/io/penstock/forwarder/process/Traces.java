package io.penstock.forwarder.process;

import io.penstock.control.config.Addresses;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.status.BackendRows;
import io.penstock.control.status.WorkerCounter;
import io.penstock.forwarder.path.IpKey;
import io.penstock.forwarder.path.RateLimiter;
import io.penstock.forwarder.trace.PacketTrace;
import io.penstock.forwarder.trace.TraceFile;
import io.penstock.forwarder.trace.TraceFilter;
import io.penstock.forwarder.trace.TraceFilter.Network;
import io.penstock.forwarder.trace.TraceFilter.Target;
import io.penstock.forwarder.worker.ForwardingWorker;
import io.penstock.forwarder.worker.WorkerThread;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// The trace of an instance: at most one at a time, begun, kept and ended over the control socket. Conductor only.
///
/// | request | does |
/// |---|---|
/// | `trace start KEY=VALUE ...` | begins one; answers `{"id":N,"file":"PATH"}` |
/// | `trace keep ID` | it goes on for another [#LEASE_NS] |
/// | `trace stop ID` | it ends |
///
/// A trace that nobody keeps ends by itself, so that a killed `penstock trace` leaves nothing behind. Keys of `start`:
/// `protocols`, `client`, `vip`, `listener`, `backend`, `outcomes` (names of counters, by commas), `sample`, `rate`,
/// `bytes`.
final class Traces {
    private static final long LEASE_NS = 5_000_000_000L;
    private static final int RATE_MAX = 100_000;
    private static final int ATTEMPTS = 100;
    private static final long ATTEMPT_NS = 1_000_000;
    private static final int SAMPLE_MAX = 1_000_000;

    private final RuntimeFolder folder;
    private final List<WorkerThread> workers;
    private final BackendRows rows;
    private long id = System.currentTimeMillis();
    private boolean isOn;
    private long endNs;

    Traces(RuntimeFolder folder, List<WorkerThread> workers, BackendRows rows) throws IOException {
        this.folder = folder;
        this.workers = workers;
        this.rows = rows;
        Files.deleteIfExists(folder.traceFile()); // Of a forwarder that was killed.
    }

    /// A request that cannot be granted; its message says why.
    private static final class RefusedException extends Exception {
        private static final long serialVersionUID = 1;

        RefusedException(String message) {
            super(message);
        }
    }

    /// {@return the answer to a request that begins with `trace`, an object of JSON}
    String answer(String request, Snapshot snapshot, long nowNs) {
        try {
            String[] words = request.split(" ");
            if (words.length >= 2 && words[1].equals("start")) {
                return start(words, snapshot, nowNs);
            }
            if (words.length == 3 && (words[1].equals("keep") || words[1].equals("stop"))) {
                return prolong(words[2], words[1].equals("keep"), nowNs);
            }
            return refusal("expected: trace start KEY=VALUE ..., trace keep ID or trace stop ID");
        } catch (RefusedException refused) {
            return refusal(String.valueOf(refused.getMessage()));
        } catch (IOException full) {
            return refusal("no trace file: " + full.getMessage());
        }
    }

    private static String refusal(String why) {
        return "{\"error\":\"" + why.replace("\\", "\\\\").replace("\"", "\\\"") + "\"}";
    }

    private String prolong(String wanted, boolean keep, long nowNs) throws RefusedException {
        if (!isOn || !wanted.equals(Long.toString(id))) {
            throw new RefusedException("the trace has ended");
        }
        endNs = nowNs + LEASE_NS;
        if (!keep) {
            end();
        }
        return "{\"id\":" + id + "}";
    }

    private String start(String[] words, Snapshot snapshot, long nowNs) throws RefusedException, IOException {
        if (isOn) {
            throw new RefusedException("somebody else traces; one trace at a time");
        }
        Map<String, String> keys = new HashMap<>();
        for (int i = 2; i < words.length; i++) {
            int equals = words[i].indexOf('=');
            keys.put(words[i].substring(0, Math.max(0, equals)), words[i].substring(equals + 1));
        }
        TraceFilter filter = filter(keys, snapshot);
        int sampleEvery = number(keys, "sample", 1, SAMPLE_MAX);
        RateLimiter limit = new RateLimiter(number(keys, "rate", 1, RATE_MAX));
        int keptMax = number(keys, "bytes", 1, TraceFile.KEPT_MAX);
        id++;
        Path path = folder.traceFile();
        // Closed by the collector when the last worker has let go of it.
        Arena arena = Arena.ofAuto();
        MemorySegment memory = MappedFiles.make(path, TraceFile.bytesFor(workers.size(), keptMax), arena);
        Instant wall = Instant.now();
        long wallNs = wall.getEpochSecond() * 1_000_000_000L + wall.getNano();
        TraceFile file = new TraceFile(memory, id, workers.size(), keptMax, nowNs, wallNs);
        for (int index = 0; index < workers.size(); index++) {
            ForwardingWorker worker = workers.get(index).worker();
            int frames = worker.batch().offsets.length;
            PacketTrace trace = new PacketTrace(
                    worker.port().memory(),
                    worker.path(),
                    filter,
                    file.ring(index),
                    limit,
                    sampleEvery,
                    arena.allocate((long) keptMax * frames),
                    frames);
            tell(workers.get(index), trace);
        }
        isOn = true;
        endNs = nowNs + LEASE_NS;
        return "{\"id\":" + id + ",\"file\":\"" + path.getFileName() + "\"}";
    }

    private TraceFilter filter(Map<String, String> keys, Snapshot snapshot) throws RefusedException {
        String listener = keys.get("listener");
        String backend = keys.get("backend");
        Target target = null;
        if (listener != null) {
            Snapshot.Listener found = snapshot.listeners().stream()
                    .filter(each -> each.config().name().equals(listener))
                    .findFirst()
                    .orElseThrow(() -> new RefusedException("no listener " + listener));
            target = new Target(found.config(), rowsOf(listener, null));
        }
        boolean[] rowsOfBackend = backend == null ? null : rowsOf(listener, backend);
        if (rowsOfBackend != null && rowsOfBackend.length == 0) {
            throw new RefusedException("no backend " + backend + (listener == null ? "" : " of listener " + listener));
        }
        String vip = keys.get("vip");
        return new TraceFilter(
                protocols(keys.getOrDefault("protocols", "")),
                client(keys.get("client")),
                vip == null ? null : IpKey.of(address(vip)),
                target,
                rowsOfBackend,
                outcomes(keys.get("outcomes")));
    }

    /// {@return for each row whether it is one of these, cut behind the last that is}
    private boolean[] rowsOf(@Nullable String listener, @Nullable String backend) {
        boolean[] found = new boolean[rows.used()];
        int length = 0;
        for (int row = 0; row < found.length; row++) {
            found[row] = rows.isInUse(row)
                    && (listener == null || rows.listener(row).equals(listener))
                    && (backend == null || rows.id(row).equals(backend));
            length = found[row] ? row + 1 : length;
        }
        return Arrays.copyOf(found, length);
    }

    private static int protocols(String names) throws RefusedException {
        int set = 0;
        for (String name : names.isEmpty() ? new String[0] : names.split(",")) {
            set |= switch (name) {
                case "tcp" -> TraceFilter.TCP;
                case "udp" -> TraceFilter.UDP;
                case "icmp" -> TraceFilter.ICMP;
                case "arp" -> TraceFilter.ARP;
                default -> throw new RefusedException("protocol " + name + ": tcp, udp, icmp or arp expected");
            };
        }
        return set;
    }

    private static @Nullable Network client(@Nullable String text) throws RefusedException {
        if (text == null) {
            return null;
        }
        int slash = text.indexOf('/');
        IpKey address = IpKey.of(address(slash < 0 ? text : text.substring(0, slash)));
        int most = address.isV6() ? 128 : 32;
        String prefix = slash < 0 ? Integer.toString(most) : text.substring(slash + 1);
        if (!prefix.matches("[0-9]{1,3}") || Integer.parseInt(prefix) > most) {
            throw new RefusedException("client " + text + ": ADDRESS or ADDRESS/PREFIX expected");
        }
        return new Network(address, Integer.parseInt(prefix));
    }

    private static InetAddress address(String text) throws RefusedException {
        InetAddress address = Addresses.parse(text);
        if (address == null) {
            throw new RefusedException(text + ": an IP address expected");
        }
        return address;
    }

    private static boolean @Nullable [] outcomes(@Nullable String names) throws RefusedException {
        if (names == null) {
            return null;
        }
        boolean[] set = new boolean[WorkerCounter.CAPACITY];
        for (String name : names.split(",")) {
            boolean known = false;
            for (WorkerCounter counter : WorkerCounter.values()) {
                if (counter.kind() != WorkerCounter.Kind.NOTE && counter.label().equals(name)) {
                    set[counter.id()] = true;
                    known = true;
                }
            }
            if (!known) {
                throw new RefusedException(name + ": no outcome; penstock counters --all lists them");
            }
        }
        return set;
    }

    private static int number(Map<String, String> keys, String key, int least, int most) throws RefusedException {
        String text = keys.getOrDefault(key, "");
        if (!text.matches("[0-9]{1,9}") || Integer.parseInt(text) < least || Integer.parseInt(text) > most) {
            throw new RefusedException(key + " " + text + ": " + least + " to " + most + " expected");
        }
        return Integer.parseInt(text);
    }

    private static void tell(WorkerThread thread, @Nullable PacketTrace trace) {
        // The queue is full when hundreds of VIPs are announced in one turn; the worker takes one a cycle.
        for (int attempt = 0; attempt < ATTEMPTS && !thread.worker().offer(worker -> worker.trace(trace)); attempt++) {
            thread.wakeup();
            LockSupport.parkNanos(ATTEMPT_NS);
        }
        thread.wakeup();
    }

    /// Ends a trace that nobody keeps.
    void poll(long nowNs) {
        if (isOn && nowNs - endNs > 0) {
            end();
        }
    }

    private void end() {
        isOn = false;
        workers.forEach(worker -> tell(worker, null));
        try {
            Files.deleteIfExists(folder.traceFile());
        } catch (IOException e) {
            // The next trace makes the file anew, or says why it cannot.
        }
    }
}
