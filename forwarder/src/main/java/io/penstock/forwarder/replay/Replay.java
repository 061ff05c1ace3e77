package io.penstock.forwarder.replay;

import io.penstock.control.config.PenstockConfig;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.TickClock;
import io.penstock.forwarder.path.Disposition;
import io.penstock.forwarder.path.ReplyKind;
import java.io.IOException;
import java.io.PrintStream;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/// `penstock replay`: the packet path over a capture. Time is the capture's; frame numbers begin with 1.
///
/// A line is printed when the fate of its frame and of all before it is known, so that lines come in the order of the
/// frames, also when a fragment has to wait for the first one of its datagram.
public final class Replay {
    private static final int FORWARDED = WorkerCounter.FORWARDED.id();
    private static final int REPLIED = WorkerCounter.REPLIED.id();
    private static final int PASSED = WorkerCounter.PASSED.id();
    /// The clock of the flow table begins away from 0, where nothing was ever seen.
    private static final long EPOCH_NS = 1L << 40;

    private final ReplayedPath path;
    private final PrintStream lines;
    private final Map<Integer, Long> heldFrames = new HashMap<>();
    private final Map<Long, String> decided = new HashMap<>();
    private long nextToPrint = 1;
    private long frames;

    /// @param snapshot what is configured; every backend is used whatever its health
    /// @param lines    where the verdicts go
    public Replay(PenstockConfig config, Snapshot snapshot, PrintStream lines) {
        this.lines = lines;
        // The forwarder's own batch: how many fragments a cycle can send depends on it.
        path = new ReplayedPath(
                config, config.forwarder().flowCapacity(), config.forwarder().batchFrames());
        path.setTime(EPOCH_NS);
        path.apply(snapshot, 0);
    }

    /// Replays all frames.
    ///
    /// @return frames read
    /// @throws IOException naming the file that could not be read or written
    public long run(PcapReader in, PcapWriter out) throws IOException {
        long startNs = -1;
        long lastNs = 0;
        for (byte[] frame = in.next(); frame != null; frame = in.next()) {
            if (startNs < 0) {
                startNs = in.timeNs();
            }
            long beforeNs = lastNs;
            lastNs = Math.max(lastNs, in.timeNs() - startNs); // A capture may step back; our clock does not.
            path.setTime(EPOCH_NS + lastNs);
            if (TickClock.ticks(EPOCH_NS + lastNs) != TickClock.ticks(EPOCH_NS + beforeNs)) {
                rest();
                write(out, startNs + lastNs);
            }
            frames++;
            if (in.wireLength() > frame.length || frame.length > path.port().frameLengthMax()) {
                decide(frames, "drop " + WorkerCounter.DROP_TRUNCATED.label());
                print();
                continue;
            }
            path.port().offer(frame);
            path.worker().doWork();
            report(true);
            write(out, startNs + lastNs);
        }
        path.setTime(EPOCH_NS + lastNs + 3_600_000_000_000L); // What still waits has waited for nothing.
        path.worker().doWork();
        report(false);
        write(out, startNs + lastNs);
        path.close();
        return frames;
    }

    /// What a worker does between two frames: flows that ran out of time stop counting against `max-flows` and in `lc`.
    private void rest() {
        int more = path.worker().doWork();
        report(false);
        while (more > 0) {
            more = path.worker().doWork();
            report(false);
        }
    }

    private void write(PcapWriter out, long timeNs) throws IOException {
        for (byte[] sent = path.port().poll(); sent != null; sent = path.port().poll()) {
            out.write(timeNs, sent);
        }
        while (path.port().pollPassed() != null) {
            // Passed frames are the host's: they are not sent.
        }
    }

    /// @param received whether the cycle took a frame, number `frames`
    private void report(boolean received) {
        Disposition disposition = path.path().disposition();
        for (int i = received ? 0 : disposition.received(); i < disposition.size(); i++) {
            int outcome = disposition.outcome(i);
            if (outcome == Disposition.HELD) {
                heldFrames.put(disposition.detail(i), frames);
            } else if (i < disposition.received()) {
                decide(frames, verdict(disposition, i));
            } else if (outcome != Disposition.ORIGINATED) {
                decide(heldFrame(disposition.ticket(i)), verdict(disposition, i));
            }
        }
        for (int i = 0; i < disposition.expiredCount(); i++) {
            decide(heldFrame(disposition.expiredTicket(i)), "drop " + WorkerCounter.DROP_FRAGMENT_TIMEOUT.label());
        }
        print();
    }

    private long heldFrame(int ticket) {
        return Objects.requireNonNull(heldFrames.remove(ticket), "a frame that nobody held");
    }

    private String verdict(Disposition disposition, int i) {
        int outcome = disposition.outcome(i);
        int detail = disposition.detail(i);
        if (outcome == FORWARDED) {
            return "forward " + path.listenerOf(detail) + " " + path.backendOf(detail);
        }
        if (outcome == REPLIED) {
            return "reply " + ReplyKind.of(detail).text();
        }
        return outcome == PASSED ? "pass" : "drop " + WorkerCounter.of(outcome).label();
    }

    private void decide(long frame, String verdict) {
        decided.put(frame, verdict);
    }

    private void print() {
        for (String verdict = decided.remove(nextToPrint); verdict != null; verdict = decided.remove(nextToPrint)) {
            lines.println(nextToPrint + " " + verdict);
            nextToPrint++;
        }
    }
}
