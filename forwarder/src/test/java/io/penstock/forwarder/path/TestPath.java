package io.penstock.forwarder.path;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import io.penstock.forwarder.replay.ReplayedPath;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// The packet path in memory, one frame or batch at a time, under a clock and a configuration that a test sets.
public final class TestPath implements AutoCloseable {
    /// Most frames of a batch.
    public static final int BATCH_FRAMES = 16;

    private final ReplayedPath replayed;
    private final PenstockConfig config;
    private Snapshot snapshot;
    private long nowNs = 1L << 40;
    private long nowMs = 1_700_000_000_000L;
    private final List<byte[]> sent = new ArrayList<>();

    private TestPath(PenstockConfig config, long flows) {
        this.config = config;
        replayed = new ReplayedPath(config, flows, BATCH_FRAMES);
        replayed.setTime(nowNs);
        snapshot = snapshotOf(config, 1);
        replayed.apply(snapshot, nowMs);
    }

    /// {@return a path with this properties file in force, every backend healthy}
    public static TestPath of(String properties) {
        return of(properties, 1 << 16);
    }

    /// {@return the same with room for so many flows}
    public static TestPath of(String properties, long flows) {
        return new TestPath(config(properties), flows);
    }

    /// {@return a path with this configuration in force}
    public static TestPath of(PenstockConfig config, long flows) {
        return new TestPath(config, flows);
    }

    /// {@return a configuration from its text}
    public static PenstockConfig config(String properties) {
        try {
            Path file = Files.createTempFile("penstock-test", ".properties");
            try {
                Files.writeString(file, properties);
                return ConfigLoader.load(file).config();
            } finally {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (ConfigException e) {
            throw new AssertionError(e);
        }
    }

    /// {@return every backend up, in, and started long ago}
    public static Snapshot snapshotOf(PenstockConfig config, long version) {
        List<Snapshot.Listener> listeners = config.listeners().stream()
                .map(listener -> new Snapshot.Listener(
                        listener,
                        listener.enabled(),
                        listener.backends().stream()
                                .map(backend ->
                                        new Snapshot.Backend(backend, Snapshot.Health.UP, Snapshot.Admin.IN, 0, 0))
                                .toList()))
                .toList();
        return new Snapshot(version, listeners);
    }

    /// Runs one frame.
    ///
    /// @return the verdict as `replay` prints it
    public String verdict(byte[] frame) {
        return verdicts(List.of(frame)).getFirst();
    }

    /// Runs frames as one batch, at most [#BATCH_FRAMES] of them.
    ///
    /// @return the verdict of each as `replay` prints it
    public List<String> verdicts(List<byte[]> frames) {
        frames.forEach(frame -> replayed.port().offer(frame));
        replayed.worker().doWork();
        sent.clear();
        for (byte[] frame = replayed.port().poll();
                frame != null;
                frame = replayed.port().poll()) {
            sent.add(frame);
        }
        replayed.port().discard();
        Disposition disposition = replayed.path().disposition();
        assertEquals(frames.size(), disposition.received(), "frames of the batch");
        return IntStream.range(0, frames.size())
                .mapToObj(i -> verdict(disposition, i))
                .toList();
    }

    private String verdict(Disposition disposition, int i) {
        int outcome = disposition.outcome(i);
        if (outcome == Disposition.HELD) {
            return "held";
        }
        WorkerCounter counter = WorkerCounter.of(outcome);
        return switch (counter) {
            case FORWARDED ->
                "forward " + replayed.listenerOf(disposition.detail(i)) + " "
                        + replayed.backendOf(disposition.detail(i));
            case REPLIED -> "reply " + ReplyKind.of(disposition.detail(i)).text();
            case PASSED -> "pass";
            default -> "drop " + counter.label();
        };
    }

    /// {@return the frame that [#verdict] sent, or null}
    public byte @Nullable [] sent() {
        return sent.isEmpty() ? null : sent.getFirst();
    }

    /// {@return the frames that [#verdicts] sent, in order}
    public List<byte[]> allSent() {
        return List.copyOf(sent);
    }

    /// Lets time pass.
    public void advanceMs(long ms) {
        nowNs += ms * 1_000_000;
        nowMs += ms;
        replayed.setTime(nowNs);
    }

    /// Puts another snapshot in force.
    public void apply(Snapshot next) {
        snapshot = next;
        replayed.apply(next, nowMs);
    }

    /// {@return the snapshot in force}
    public Snapshot snapshot() {
        return snapshot;
    }

    /// {@return the configuration it began with}
    public PenstockConfig config() {
        return config;
    }

    /// {@return time in ms as snapshots keep it}
    public long nowMs() {
        return nowMs;
    }

    /// Lets the conductor's now-and-then work happen.
    public void tick() {
        replayed.tick(nowMs);
    }

    /// Lets the worker run without packets for the two seconds in which it sweeps its tables once.
    public void tidy() {
        advanceMs(2_200);
        int work;
        do {
            work = replayed.worker().doWork();
        } while (work > 0);
    }

    /// {@return what was counted}
    public WorkerCounters counters() {
        return replayed.counters();
    }

    /// {@return the worker and its tables}
    public ReplayedPath replayed() {
        return replayed;
    }

    /// {@return the MAC address that `replay.neighbours` gives the backend of a `forward` verdict}
    public long macOf(String verdict) {
        String[] words = verdict.split(" ");
        InetAddress address = config.listeners().stream()
                .filter(listener -> listener.name().equals(words[1]))
                .flatMap(listener -> listener.backends().stream())
                .filter(backend -> backend.id().equals(words[2]))
                .findFirst()
                .orElseThrow()
                .address();
        return config.replay()
                .neighbours()
                .getOrDefault(address, config.replay().nextHopMac());
    }

    /// Checks that received = forwarded + replied + passed + the sum of all drops.
    public void assertBalanced() {
        long received = 0;
        long accounted = 0;
        for (WorkerCounter counter : WorkerCounter.values()) {
            long value = counters().get(counter);
            if (counter == WorkerCounter.RECEIVED) {
                received = value;
            } else if (counter.kind() != WorkerCounter.Kind.NOTE) {
                accounted += value;
            }
        }
        assertEquals(received, accounted, "received = forwarded + replied + passed + dropped");
    }

    static int ipv4HeaderSum(byte[] frame, int at) {
        int sum = 0;
        for (int i = 0; i < 20; i += 2) {
            sum += (frame[at + i] & 0xff) << 8 | (frame[at + i + 1] & 0xff);
        }
        while (sum >>> 16 != 0) {
            sum = (sum & 0xffff) + (sum >>> 16);
        }
        return ~sum & 0xffff;
    }

    @Override
    public void close() {
        replayed.close();
    }
}
