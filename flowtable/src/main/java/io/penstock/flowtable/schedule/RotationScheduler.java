package io.penstock.flowtable.schedule;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// `wrr` and `rr`: each new flow goes to the next backend, in the order of the pool, whatever the weights. One
/// rotation for all workers, so the shares are exact however many choose at once: of any `n` tickets in a row each
/// backend gets one.
///
/// A backend that refuses loses its turn. When the pool changes, the rotation goes on at the backend that was next,
/// or at the first one behind it that is still there; workers that have not seen the new pool yet may give a
/// backend one turn twice.
public final class RotationScheduler implements Scheduler {
    private final Pool pool;
    private final Rotation rotation;

    /// @param previous the scheduler to go on from, when it was a rotation; otherwise the first backend is next
    public RotationScheduler(Pool pool, @Nullable Scheduler previous) {
        this.pool = pool;
        if (previous instanceof RotationScheduler old) {
            rotation = pool.hasSameBackends(old.pool) ? old.rotation : new Rotation(follow(old, pool));
        } else {
            rotation = new Rotation(0);
        }
    }

    /// Where in `pool` the rotation of `old` goes on.
    private static int follow(RotationScheduler old, Pool pool) {
        int size = old.pool.size();
        if (size == 0) {
            return 0;
        }
        Map<Long, Integer> indexes = new HashMap<>();
        for (int i = 0; i < pool.size(); i++) {
            indexes.put(pool.identities[i], i);
        }
        int next = (int) (old.rotation.next() % size);
        for (int i = 0; i < size; i++) {
            Integer index = indexes.get(old.pool.identities[(next + i) % size]);
            if (index != null) {
                return index;
            }
        }
        return 0;
    }

    @Override
    public int choose(long flowHash, long clientHash, Admission admission) {
        int size = pool.size();
        if (size == 0) {
            return EMPTY;
        }
        for (int turn = 0; turn < size; turn++) {
            int index = (int) (rotation.take() % size);
            if (admission.admits(pool.rows[index])) {
                return index;
            }
        }
        // Other workers took tickets in between, so not everybody has been asked.
        return pool.firstAdmitted(0, admission);
    }

    @Override
    public int peek(long flowHash, long clientHash, Admission admission) {
        int size = pool.size();
        return size == 0 ? EMPTY : pool.firstAdmitted((int) (rotation.next() % size), admission);
    }

    @Override
    public Pool pool() {
        return pool;
    }
}
