package io.penstock.forwarder.path;

import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import io.penstock.forwarder.port.FrameBatch;

/// How each frame of the batch ended: exactly one of [#forwarded], [#replied], [#passed], [#dropped] or [#held].
///
/// The arrays tell tests, `replay`, `explain` and `trace` what was decided; they are valid until the next batch.
public final class Disposition {
    private static final int RECEIVED = WorkerCounter.RECEIVED.id();
    private static final int FORWARDED = WorkerCounter.FORWARDED.id();
    private static final int FORWARDED_BYTES = WorkerCounter.FORWARDED_BYTES.id();
    private static final int REPLIED = WorkerCounter.REPLIED.id();
    private static final int PASSED = WorkerCounter.PASSED.id();

    /// In [#outcome]: the frame waits for the first fragment of its datagram.
    public static final int HELD = -1;

    /// In [#outcome]: a frame of our own.
    public static final int ORIGINATED = -2;

    private final PathContext context;
    private final WorkerCounters counters;
    private final int[] outcomes;
    private final int[] details;
    private final int[] tickets;
    private final int[] expiredTickets = new int[FragmentForwarding.WAITING_MAX];
    private int expiredCount;
    private int received;
    private int size;

    Disposition(PathContext context, int frames) {
        this.context = context;
        counters = context.counters;
        outcomes = new int[frames];
        details = new int[frames];
        tickets = new int[frames];
    }

    /// The frame, rewritten, goes to a backend.
    void forwarded(int i, int row) {
        FrameBatch batch = context.batch;
        batch.verdicts[i] = FrameBatch.SEND;
        counters.add(RECEIVED, 1);
        counters.add(FORWARDED, 1);
        counters.add(FORWARDED_BYTES, batch.lengths[i]);
        note(i, FORWARDED, row);
    }

    /// The frame, rewritten, goes to a backend; it is counted with the others of its batch, by the method below.
    void forwards(int i, int row) {
        context.batch.verdicts[i] = FrameBatch.SEND;
        note(i, FORWARDED, row);
    }

    /// So many frames of the batch were given to [#forwards].
    void forwarded(int frames, long bytes) {
        counters.add(RECEIVED, frames);
        counters.add(FORWARDED, frames);
        counters.add(FORWARDED_BYTES, bytes);
    }

    /// The frame, made into an answer, goes back.
    void replied(int i, ReplyKind kind) {
        context.batch.verdicts[i] = FrameBatch.SEND;
        counters.add(RECEIVED, 1);
        counters.add(REPLIED, 1);
        note(i, REPLIED, kind.code());
    }

    /// The frame is the host's.
    void passed(int i) {
        context.batch.verdicts[i] = FrameBatch.PASS;
        counters.add(RECEIVED, 1);
        counters.add(PASSED, 1);
        note(i, PASSED, 0);
    }

    /// The frame goes nowhere.
    ///
    /// @param reason id of a counter of kind DROP
    void dropped(int i, int reason) {
        context.batch.verdicts[i] = FrameBatch.RELEASE;
        counters.add(RECEIVED, 1);
        counters.add(reason, 1);
        note(i, reason, 0);
    }

    /// The frame was copied and waits; it is counted when its fate is known.
    void held(int i, int ticket) {
        context.batch.verdicts[i] = FrameBatch.RELEASE;
        note(i, HELD, ticket);
    }

    /// The frame is a copy of one that was [#held] and has met its fate just now.
    void released(int i, int ticket) {
        tickets[i] = ticket;
    }

    /// A frame that was [#held] is dropped for good.
    void expired(int ticket, int reason) {
        counters.add(RECEIVED, 1);
        counters.add(reason, 1);
        expiredTickets[expiredCount++ % expiredTickets.length] = ticket;
    }

    /// A frame of our own that answers nothing, such as an announcement: it is part of no sum.
    void originated(int i) {
        outcomes[i] = ORIGINATED;
    }

    /// The frame was to be sent, but the send ring was full.
    void notSent(int i) {
        if (outcomes[i] != ORIGINATED) {
            counters.add(outcomes[i], -1);
            if (outcomes[i] == FORWARDED) {
                counters.add(FORWARDED_BYTES, -context.batch.lengths[i]);
            }
            counters.add(WorkerCounter.DROP_TX_FULL.id(), 1);
            outcomes[i] = WorkerCounter.DROP_TX_FULL.id();
        }
    }

    /// A batch begins.
    void begin(int received) {
        this.received = received;
        size = received;
        expiredCount = 0;
    }

    /// The batch is decided.
    ///
    /// @param size its frames, originated ones included
    void end(int size) {
        this.size = size;
    }

    /// {@return frames that the last batch received}
    public int received() {
        return received;
    }

    /// {@return frames of the last batch, originated ones included}
    public int size() {
        return size;
    }

    private void note(int i, int outcome, int detail) {
        outcomes[i] = outcome;
        details[i] = detail;
    }

    /// {@return id of the counter that tells how frame `i` ended, or [#HELD]}
    public int outcome(int i) {
        return outcomes[i];
    }

    /// {@return the backend's row of a forwarded frame, the [ReplyKind]'s code of an answered one, the ticket of a
    /// held one}
    public int detail(int i) {
        return details[i];
    }

    /// {@return for a frame beyond the received ones that is no frame of our own: which held one it is}
    public int ticket(int i) {
        return tickets[i];
    }

    /// {@return how many held frames were dropped for good since the batch began}
    public int expiredCount() {
        return expiredCount;
    }

    /// {@return the ticket of a held frame that was dropped for good}
    public int expiredTicket(int n) {
        return expiredTickets[n];
    }
}
