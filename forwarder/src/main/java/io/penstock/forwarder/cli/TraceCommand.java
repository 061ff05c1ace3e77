package io.penstock.forwarder.cli;

import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.InstanceOptions;
import io.penstock.control.cli.JsonOption;
import io.penstock.control.cli.Signals;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.config.Quantities;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.status.StatusReader;
import io.penstock.control.status.WorkerCounter;
import io.penstock.forwarder.replay.PcapWriter;
import io.penstock.forwarder.trace.PcapngWriter;
import io.penstock.forwarder.trace.TraceFile;
import io.penstock.forwarder.trace.TraceReader;
import io.penstock.forwarder.trace.TracedFrame;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `penstock trace`: asks the running forwarder to note frames, and shows them until it is told to stop.
@Command(
        name = "trace",
        description = {
            "Shows packets as they come to the forwarder and what becomes of each: the backend, or why it is dropped.",
            "All conditions must hold. Ends at Ctrl-C, after --limit packets or after --duration.",
            "A packet is shown, and written to a file, as it came: before its addresses are rewritten.",
            "Off unless somebody looks; then at most --rate packets a second are noted, the others only counted.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock trace tcp --client 198.51.100.0/24 --dropped --duration 10s -w dropped.pcapng")
public final class TraceCommand implements Callable<ExitCode> {
    private static final long POLL_MS = 50;
    private static final long KEEP_NS = 1_000_000_000L;

    @Mixin
    private InstanceOptions instance = new InstanceOptions();

    @Mixin
    private JsonOption output = new JsonOption();

    @Parameters(arity = "0..1", paramLabel = "PROTO", description = "Only tcp, udp, icmp or arp.")
    private @Nullable String protocol;

    @Mixin
    private SelectionOptions selection = new SelectionOptions();

    @Option(names = "--vip", paramLabel = "ADDRESS", description = "Only to this address.")
    private @Nullable String vip;

    @Option(names = "--listener", paramLabel = "NAME", description = "Only for this listener.")
    private @Nullable String listener;

    @Option(names = "--dropped", description = "Only what was dropped.")
    private boolean dropped;

    @Option(
            names = "--reason",
            paramLabel = "NAME,...",
            split = ",",
            description = "Only what was dropped for one of these; penstock counters --all lists them.")
    private List<String> reasons = List.of();

    @Option(names = "--limit", paramLabel = "N", description = "End after N packets.")
    private long limit = Long.MAX_VALUE;

    @Option(names = "--duration", paramLabel = "TIME", description = "End after this long, as 10s or 5m.")
    private @Nullable String duration;

    @Option(
            names = "--rate",
            paramLabel = "N",
            description = "Note at most N packets a second over all workers, 1 to 100000; default 1000.")
    private int rate = 1_000;

    @Option(
            names = "--sample",
            paramLabel = "N",
            description = "Look at one received packet in N only, which costs less; default 1.")
    private int sample = 1;

    @Option(
            names = "--bytes",
            paramLabel = "N",
            description = "Keep N bytes of each packet, 64 to 2048; default 128, enough for the headers.")
    private int bytes = 128;

    @Option(
            names = {"-w", "--write"},
            paramLabel = "FILE",
            description = {
                "Write the packets to FILE instead of showing them: FILE.pcap in the classic format, any other name as"
                        + " pcapng, where a comment tells what became of each packet."
            })
    private @Nullable Path file;

    private final CountDownLatch stop = new CountDownLatch(1);
    private final Map<WorkerCounter, Long> droppedFrames = new EnumMap<>(WorkerCounter.class);
    private long shown;

    @Override
    public ExitCode call() throws Exception {
        long durationMs = duration == null ? Long.MAX_VALUE / 2_000_000 : Quantities.durationMs(duration);
        require(durationMs > 0, "--duration " + duration + ": a time such as 10s or 5m");
        require(limit > 0, "--limit " + limit + ": 1 or more");
        require(rate >= 1 && rate <= 100_000, "--rate " + rate + ": 1 to 100000");
        require(sample >= 1 && sample <= 1_000_000, "--sample " + sample + ": 1 to 1000000");
        require(bytes >= 64 && bytes <= TraceFile.KEPT_MAX, "--bytes " + bytes + ": 64 to " + TraceFile.KEPT_MAX);
        require(file == null || !output.json(), "--json or -w, not both; one of them");
        String request = request();
        RuntimeFolder folder = instance.folder();
        List<ListenerConfig> listeners = instance.snapshot().map(Snapshot::listeners).orElse(List.of()).stream()
                .map(Snapshot.Listener::config)
                .toList();
        Signals.on("INT", stop::countDown);
        Signals.on("TERM", stop::countDown);
        try (StatusReader status = instance.openStatus();
                Arena arena = Arena.ofShared();
                Sink sink = sink()) {
            long id = Long.parseLong(String.valueOf(ask(folder, request).get("id")));
            try {
                TraceReader reader = TraceFile.open(folder.traceFile(), arena);
                System.err.println("penstock: tracing; Ctrl-C ends it");
                follow(folder, id, reader, frame -> new TraceLine(frame, status, listeners), sink, durationMs);
                summary(reader);
            } finally {
                ControlClient.ask(folder, "trace stop " + id); // Refused when it has ended already.
            }
        }
        return ExitCode.DONE;
    }

    private static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new CommandException(ExitCode.USAGE, otherwise + " expected");
        }
    }

    private String request() {
        StringJoiner request = new StringJoiner(" ", "trace start ", "");
        add(request, "protocols", word("PROTO", protocol));
        add(request, "client", word("--client", selection.client()));
        add(request, "vip", word("--vip", vip));
        add(request, "listener", word("--listener", listener));
        add(request, "backend", word("--backend", selection.backend()));
        if (dropped || !reasons.isEmpty()) {
            List<String> all = Arrays.stream(WorkerCounter.values())
                    .filter(counter -> counter.kind() == WorkerCounter.Kind.DROP)
                    .map(WorkerCounter::label)
                    .toList();
            for (String reason : reasons) {
                require(all.contains(reason), "--reason " + reason + ": one of " + String.join(", ", all));
            }
            add(request, "outcomes", String.join(",", reasons.isEmpty() ? all : reasons));
        }
        add(request, "sample", Integer.toString(sample));
        add(request, "rate", Integer.toString(rate));
        add(request, "bytes", Integer.toString(bytes));
        return request.toString();
    }

    private static @Nullable String word(String option, @Nullable String value) {
        require(value == null || value.matches("[^\\s=]+"), option + " '" + value + "': one word");
        return value;
    }

    private static void add(StringJoiner request, String key, @Nullable String value) {
        if (value != null) {
            request.add(key + "=" + value);
        }
    }

    private static Map<String, @Nullable String> ask(RuntimeFolder folder, String request) throws IOException {
        Map<String, @Nullable String> answer = ControlClient.fields(ControlClient.ask(folder, request));
        if (answer.get("error") != null) {
            throw new CommandException("the forwarder says: " + answer.get("error"));
        }
        return answer;
    }

    /// What is done with each frame.
    private interface Sink extends AutoCloseable {
        /// @return false when nobody reads any more
        boolean take(TracedFrame frame, TraceLine line) throws IOException;

        @Override
        void close() throws IOException;
    }

    private Sink sink() throws IOException {
        if (file == null) {
            return new Printed(output.json());
        }
        return file.toString().endsWith(".pcap") ? new Captured(file) : new Commented(file, bytes);
    }

    private static final class Printed implements Sink {
        private final PrintStream out =
                new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        private final boolean json;

        Printed(boolean json) {
            this.json = json;
        }

        @Override
        public boolean take(TracedFrame frame, TraceLine line) {
            out.println(json ? line.json() : line.text());
            return !out.checkError();
        }

        @Override
        public void close() {
            out.flush();
        }
    }

    private static final class Captured implements Sink {
        private final PcapWriter out;

        Captured(Path file) throws IOException {
            out = new PcapWriter(file, true);
        }

        @Override
        public boolean take(TracedFrame frame, TraceLine line) throws IOException {
            out.write(frame.wallNs(), frame.frame(), frame.length());
            return true;
        }

        @Override
        public void close() throws IOException {
            out.close();
        }
    }

    private static final class Commented implements Sink {
        private final PcapngWriter out;

        Commented(Path file, int bytes) throws IOException {
            out = new PcapngWriter(file, bytes);
        }

        @Override
        public boolean take(TracedFrame frame, TraceLine line) throws IOException {
            out.write(frame.wallNs(), frame.frame(), frame.length(), line.comment());
            return true;
        }

        @Override
        public void close() throws IOException {
            out.close();
        }
    }

    /// Puts names to the numbers of a frame.
    private interface Reading {
        TraceLine of(TracedFrame frame);
    }

    private void follow(RuntimeFolder folder, long id, TraceReader reader, Reading reading, Sink sink, long durationMs)
            throws IOException, InterruptedException {
        long endNs = System.nanoTime() + durationMs * 1_000_000;
        long keepNs = System.nanoTime() + KEEP_NS;
        boolean stopped = false;
        while (!stopped) {
            long nowNs = System.nanoTime();
            if (nowNs - keepNs > 0) {
                ask(folder, "trace keep " + id);
                keepNs = nowNs + KEEP_NS;
            }
            stopped = stop.await(Math.clamp((endNs - nowNs) / 1_000_000, 1, POLL_MS), TimeUnit.MILLISECONDS)
                    || System.nanoTime() - endNs >= 0;
            for (TracedFrame frame : reader.poll()) {
                if (shown == limit || !show(frame, reading.of(frame), sink)) {
                    return;
                }
            }
            stopped |= shown == limit;
        }
    }

    private boolean show(TracedFrame frame, TraceLine line, Sink sink) throws IOException {
        shown++;
        WorkerCounter reason = line.dropReason();
        if (reason != null) {
            droppedFrames.merge(reason, 1L, Long::sum);
        }
        return sink.take(frame, line);
    }

    private void summary(TraceReader reader) {
        StringJoiner line = new StringJoiner("; ", "penstock: ", "");
        line.add(String.format(
                Locale.ROOT,
                "%,d %s, %,d matched, %,d looked at",
                shown,
                file == null ? "shown" : "written to " + file,
                reader.matched(),
                reader.lookedAt()));
        if (reader.heldBack() > 0) {
            line.add(String.format(Locale.ROOT, "%,d held back by --rate %d", reader.heldBack(), rate));
        }
        if (reader.lost() > 0) {
            line.add(String.format(Locale.ROOT, "%,d overwritten before they were read", reader.lost()));
        }
        System.err.println(line);
        droppedFrames.forEach((reason, count) -> System.err.println(String.format(
                Locale.ROOT, "  %s (%,d): %s; %s", reason.label(), count, reason.meaning(), reason.action())));
    }
}
