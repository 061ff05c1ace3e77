package io.penstock.flowtable.schedule;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// `swrr`: a smooth weighted rotation, shared by all workers. Over one cycle (the sum of the weights in lowest terms)
/// each backend gets exactly its weight, however many workers choose at once; see [WeightedSequence] for the order.
///
/// A backend that refuses loses its turn; after a few refusals the pool is searched, from a place that moves on.
/// When the weights or the backends change, the rotation goes on at the same point of time: a backend that was
/// about to have its turn is about to have it in the new order too.
public final class WeightedRotationScheduler implements Scheduler {
    // A heavy backend that is full may own most turns; then the search is cheaper than more tickets.
    private static final int FURTHER_TURNS = 8;

    private final Pool pool;
    private final WeightedSequence sequence;
    private final Rotation rotation;

    /// @param previous the scheduler to go on from, when it was a weighted rotation
    public WeightedRotationScheduler(Pool pool, @Nullable Scheduler previous) {
        this.pool = pool;
        sequence = new WeightedSequence(pool.weights);
        if (previous instanceof WeightedRotationScheduler old) {
            boolean isSame = pool.hasSameBackends(old.pool) && Arrays.equals(pool.weights, old.pool.weights);
            rotation = isSame ? old.rotation : new Rotation(follow(old));
        } else {
            rotation = new Rotation(0);
        }
    }

    /// Where the new sequence stands at the time that the old one has reached. Time runs by one for each turn of a
    /// weight of 1, so a cycle lasts `1 / divisor` and a turn `1 / sum of weights`, both of the configured weights.
    private long follow(WeightedRotationScheduler old) {
        if (old.pool.size() == 0 || pool.size() == 0) {
            return 0;
        }
        double time = (double) (old.rotation.next() % old.sequence.cycle()) / sum(old.pool);
        return Math.round(time * sum(pool)) % sequence.cycle();
    }

    private static long sum(Pool pool) {
        long sum = 0;
        for (int weight : pool.weights) {
            sum += weight;
        }
        return sum;
    }

    @Override
    public int choose(long flowHash, long clientHash, Admission admission) {
        if (pool.size() == 0) {
            return EMPTY;
        }
        long ticket = rotation.take();
        int index = sequence.at(ticket);
        return admission.admits(pool.rows[index]) ? index : chooseAnother(admission);
    }

    private int chooseAnother(Admission admission) {
        long ticket = 0;
        for (int turn = 0; turn < FURTHER_TURNS; turn++) {
            ticket = rotation.take();
            int index = sequence.at(ticket);
            if (admission.admits(pool.rows[index])) {
                return index;
            }
        }
        return firstAdmitted(ticket, admission);
    }

    @Override
    public int peek(long flowHash, long clientHash, Admission admission) {
        if (pool.size() == 0) {
            return EMPTY;
        }
        long ticket = rotation.next();
        for (int turn = 0; turn <= FURTHER_TURNS; turn++) {
            int index = sequence.at(ticket + turn);
            if (admission.admits(pool.rows[index])) {
                return index;
            }
        }
        return firstAdmitted(ticket + FURTHER_TURNS, admission);
    }

    private int firstAdmitted(long ticket, Admission admission) {
        return pool.firstAdmitted((int) (ticket % pool.size()), admission);
    }

    @Override
    public Pool pool() {
        return pool;
    }
}
