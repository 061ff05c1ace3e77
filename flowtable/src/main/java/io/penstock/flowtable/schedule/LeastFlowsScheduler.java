package io.penstock.flowtable.schedule;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// `lc` and `wlc`: the backend with the fewest live flows; for `wlc`, the fewest for its weight, compared by cross
/// multiplication. Every choice looks at every backend, so its cost grows with the pool.
///
/// **Ties** go by rotation among the backends that tie, for `wlc` a weighted one: a listener whose flows end before
/// the next begins has nothing but ties, and is then spread evenly, or by weight.
///
/// **Workers** see their own flows at once and each other's a little later ([FlowCounts]); a backend can be ahead by
/// what the others have placed unseen, and the next choices make up for it.
///
/// **No herd.** Fewest flows alone would send *every* new flow to a backend that has just come, until it has as
/// many as the others: thousands in a row to a server with cold caches. So a newcomer (a backend that the previous
/// pool did not have, or whose weight rose, and that is behind the others) counts as twice its weight in a weighted
/// rotation of turns, in which all the others together have the rest:
///
/// ```
/// turns of newcomer j in a row of W + V turns = 2 w(j)         W = all weights, V = the newcomers' weights
/// its part of the new flows = 2 w(j) / (W + V) < 2 * w(j) / W  less than twice its fair share
/// ```
///
/// One newcomer among ten equals gets 2 of 11 new flows, one of two gets 2 of 3; for its weight, a newcomer gets
/// exactly twice what each of the others gets. So it catches up, whether flows end or not. If none ends and the
/// others have `n` flows each, it is level with them when it has been given `2n`. If lives are exponential with
/// mean `T`, it grows as `2F (1 - e^(-t/T))` towards nearly twice its fair count `F`, and passes it at about `t =
/// 0.7 T`. On the turns of the others the newcomers are left out.
///
/// A backend stops being a newcomer when it is level with the fewest of the others, or when the flows it came with
/// and those it has been given since are 7/4 of what they have now: then its flows end sooner than theirs, which is
/// no matter of being new, and exact fewest-flows is what was asked for. 7/4 is enough for exponential lives, where
/// it is level before, and less than 2: since it gets twice as many flows as they, that moment comes. Without
/// newcomers, which is nearly always, the choice is exactly fewest-flows. A new listener has none: all its backends
/// begin together.
public final class LeastFlowsScheduler implements Scheduler {
    // Tickets tried for a turn that falls on a backend that ties; after that, the first one behind the last choice.
    private static final int TIE_TURNS = 8;
    // Sum of the guard's weights: WeightedSequence can take no more than 2^32.
    private static final long GUARD_SUM_MAX = 1L << 31;
    private static final int NO_NEWCOMER = -1;

    private final Pool pool;
    private final boolean isWeighted;
    private final FlowCounts counts;
    private final int[] weights; // all 1 for lc
    private final WeightedSequence tieTurns;
    private final Rotation tieRotation;
    private final AtomicInteger lastChoice = new AtomicInteger(-1);

    private final int[] newcomers; // pool indexes
    private final int[] newcomerOf; // index into newcomers for each of the pool, or NO_NEWCOMER
    private final AtomicLongArray given; // flows newcomers[i] came with and was given since; negative: it is none now
    private final AtomicInteger newcomersLeft;
    private final WeightedSequence guardTurns; // newcomers, then all others as one
    private final Rotation guardRotation = new Rotation(0);

    /// @param isWeighted true for `wlc`
    /// @param counts     live flows of each row
    /// @param previous   the scheduler until now: it says who is new
    public LeastFlowsScheduler(Pool pool, boolean isWeighted, FlowCounts counts, @Nullable Scheduler previous) {
        this.pool = pool;
        this.isWeighted = isWeighted;
        this.counts = counts;
        int size = pool.size();
        weights = pool.weights.clone();
        if (!isWeighted) {
            Arrays.fill(weights, 1);
        }
        tieTurns = new WeightedSequence(weights);
        tieRotation = previous instanceof LeastFlowsScheduler old && old.pool.hasSameBackends(pool)
                ? old.tieRotation
                : new Rotation(0);

        long[] givenSoFar = previous == null ? new long[0] : givenSoFar(previous);
        newcomers = IntStream.range(0, givenSoFar.length)
                .filter(i -> givenSoFar[i] >= 0)
                .toArray();
        newcomerOf = new int[size];
        Arrays.fill(newcomerOf, NO_NEWCOMER);
        given = new AtomicLongArray(newcomers.length);
        newcomersLeft = new AtomicInteger(newcomers.length);
        for (int i = 0; i < newcomers.length; i++) {
            newcomerOf[newcomers[i]] = i;
            given.set(i, givenSoFar[newcomers[i]]);
        }
        guardTurns = guardTurns();
    }

    /// {@return what each newcomer came with and was given since; NO_NEWCOMER for the others}
    private long[] givenSoFar(Scheduler previous) {
        int size = pool.size();
        Pool oldPool = previous.pool();
        Map<Long, Integer> oldIndexes = new HashMap<>();
        for (int i = 0; i < oldPool.size(); i++) {
            oldIndexes.put(oldPool.identities[i], i);
        }
        long[] givenSoFar = new long[size];
        int fewest = -1; // of those that are not new
        for (int i = 0; i < size; i++) {
            Integer oldIndex = oldIndexes.get(pool.identities[i]);
            if (oldIndex == null || (isWeighted && pool.weights[i] > oldPool.weights[oldIndex])) {
                givenSoFar[i] = flows(i);
            } else {
                givenSoFar[i] = givenSoFar(previous, oldIndex);
            }
            if (givenSoFar[i] < 0 && (fewest < 0 || isBelow(flows(i), i, flows(fewest), fewest))) {
                fewest = i;
            }
        }
        for (int i = 0; i < size; i++) {
            // When everybody is new they begin together.
            if (fewest < 0 || hasCaughtUp(i, givenSoFar[i], fewest)) {
                givenSoFar[i] = NO_NEWCOMER;
            }
        }
        return givenSoFar;
    }

    private static long givenSoFar(Scheduler previous, int index) {
        return previous instanceof LeastFlowsScheduler old && old.newcomerOf[index] != NO_NEWCOMER
                ? Math.max(NO_NEWCOMER, old.given.get(old.newcomerOf[index]))
                : NO_NEWCOMER;
    }

    private WeightedSequence guardTurns() {
        if (newcomers.length == 0) {
            return new WeightedSequence(new int[0]);
        }
        long[] turns = new long[newcomers.length + 1];
        long sum = 0;
        for (int i = 0; i < weights.length; i++) {
            boolean isNew = newcomerOf[i] != NO_NEWCOMER;
            turns[isNew ? newcomerOf[i] : newcomers.length] += isNew ? 2L * weights[i] : weights[i];
            sum += isNew ? 2L * weights[i] : weights[i];
        }
        long divisor = sum / GUARD_SUM_MAX + 1;
        int[] scaled = new int[turns.length];
        Arrays.setAll(scaled, i -> (int) Math.max(1, turns[i] / divisor));
        return new WeightedSequence(scaled);
    }

    @Override
    public int choose(long flowHash, long clientHash, Admission admission) {
        if (pool.size() == 0) {
            return EMPTY;
        }
        int index = newcomersLeft.get() == 0
                ? fewest(true, true, admission)
                : guarded(guardRotation.take(), true, admission);
        if (index >= 0) {
            lastChoice.setOpaque(index); // A hint for ties; nothing depends on its being the last.
        }
        return index;
    }

    @Override
    public int peek(long flowHash, long clientHash, Admission admission) {
        if (pool.size() == 0) {
            return EMPTY;
        }
        return newcomersLeft.get() == 0
                ? fewest(true, false, admission)
                : guarded(guardRotation.next(), false, admission);
    }

    /// A choice while there are newcomers.
    private int guarded(long ticket, boolean takesTurn, Admission admission) {
        int turn = guardTurns.at(ticket);
        int other = fewest(false, takesTurn, admission);
        if (turn < newcomers.length && given.get(turn) >= 0) {
            int newcomer = newcomers[turn];
            if (other >= 0 && hasCaughtUp(newcomer, given.get(turn), other)) {
                if (takesTurn) {
                    caughtUp(turn);
                }
            } else if (admission.admits(pool.rows[newcomer])) {
                if (takesTurn) {
                    given.incrementAndGet(turn);
                }
                return newcomer;
            }
        }
        // When all the others refuse, the newcomers take what there is.
        return other >= 0 ? other : fewest(true, takesTurn, admission);
    }

    /// {@return whether a newcomer is one no more}
    ///
    /// @param index      the newcomer
    /// @param givenSoFar flows it came with and was given since
    /// @param fewest     the other with the fewest flows
    private boolean hasCaughtUp(int index, long givenSoFar, int fewest) {
        long level = flows(fewest);
        return !isBelow(flows(index), index, level, fewest) || !isBelow(4 * givenSoFar, index, 7 * level, fewest);
    }

    private void caughtUp(int newcomer) {
        // The worker that ends it counts it down; increments that come too late leave it negative.
        if (given.getAndSet(newcomer, Long.MIN_VALUE) >= 0) {
            newcomersLeft.decrementAndGet();
        }
    }

    /// The backend with the fewest flows.
    ///
    /// @param withNewcomers whether newcomers count too
    /// @param takesTurn     whether a tie moves the rotation on
    /// @return its index, or [#FULL]
    private int fewest(boolean withNewcomers, boolean takesTurn, Admission admission) {
        int size = pool.size();
        int from = lastChoice.getOpaque() + 1;
        int best = FULL;
        long bestFlows = 0;
        int ties = 0;
        for (int i = 0; i < size; i++) {
            int index = from + i < size ? from + i : from + i - size;
            long flows = flows(index);
            if (best >= 0 && isBelow(bestFlows, best, flows, index)) {
                continue;
            }
            if (!isEligible(index, withNewcomers) || !admission.admits(pool.rows[index])) {
                continue;
            }
            if (best < 0 || isBelow(flows, index, bestFlows, best)) {
                best = index;
                bestFlows = flows;
                ties = 1;
            } else {
                ties++;
            }
        }
        return ties > 1 ? oneOfTies(best, bestFlows, withNewcomers, takesTurn, admission) : best;
    }

    /// @param first a backend that ties: the first behind the last choice
    private int oneOfTies(int first, long firstFlows, boolean withNewcomers, boolean takesTurn, Admission admission) {
        long next = tieRotation.next();
        for (int turn = 0; turn < TIE_TURNS; turn++) {
            int index = tieTurns.at(takesTurn ? tieRotation.take() : next + turn);
            if (!isBelow(firstFlows, first, flows(index), index)
                    && isEligible(index, withNewcomers)
                    && admission.admits(pool.rows[index])) {
                return index;
            }
        }
        return first;
    }

    private boolean isEligible(int index, boolean withNewcomers) {
        return withNewcomers || newcomerOf[index] == NO_NEWCOMER || given.get(newcomerOf[index]) < 0;
    }

    private long flows(int index) {
        // A sum over cells that several workers write can pass through -1 for a moment.
        return Math.max(0, counts.flows(pool.rows[index]));
    }

    /// {@return whether the first has fewer flows for its weight} Flows stay below 2^40, so the products fit.
    private boolean isBelow(long flows, int index, long otherFlows, int other) {
        return flows * weights[other] < otherFlows * weights[index];
    }

    @Override
    public Pool pool() {
        return pool;
    }

    /// {@return how many backends the guard still paces}
    int newcomersLeft() {
        return newcomersLeft.get();
    }
}
