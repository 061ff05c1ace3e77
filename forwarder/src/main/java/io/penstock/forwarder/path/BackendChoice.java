package io.penstock.forwarder.path;

import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.AffinityTable;
import io.penstock.flowtable.schedule.Admission;
import io.penstock.flowtable.schedule.FlowCounts;
import io.penstock.flowtable.schedule.MaglevHistory;
import io.penstock.flowtable.schedule.Scheduler;

/// Which backend a new flow goes to: the client's own, while session persistence holds, else the scheduler's.
/// One worker's own; persistence and schedulers are shared by all.
final class BackendChoice implements Admission {
    private final PathContext context;
    private final FlowCounts flowCounts;

    BackendChoice(PathContext context) {
        this.context = context;
        flowCounts = context.flowCounts;
    }

    /// {@return the backend's row, [Scheduler#EMPTY] or [Scheduler#FULL]}
    int choose(LiveListener listener, FlowKey key) {
        if (listener.persistenceTicks() == 0) {
            return schedule(listener, key);
        }
        long client = client(listener, key);
        int known = context.sharedPersistence.find(client, context.nowTicks, listener.persistenceTicks());
        if (known != AffinityTable.NONE && isUsable(known)) {
            context.sharedPersistence.touch(client, context.nowTicks, listener.persistenceTicks());
            context.counters.add(WorkerCounter.FLOWS_PERSISTENT.id(), 1);
            return AffinityTable.row(known);
        }
        int row = schedule(listener, key);
        return row < 0 ? row : remember(listener, client, known, row);
    }

    /// Two workers may place the same client at once: both take what the first of them remembered.
    private int remember(LiveListener listener, long client, int useless, int row) {
        int generation = context.records.generation(row);
        int agreed = useless == AffinityTable.NONE
                ? context.sharedPersistence.putIfAbsent(
                        client, row, generation, context.nowTicks, listener.persistenceTicks())
                : context.sharedPersistence.replace(client, useless, row, generation, context.nowTicks);
        return agreed != AffinityTable.NONE && isUsable(agreed) ? AffinityTable.row(agreed) : row;
    }

    /// {@return the row that session persistence would give a new flow now, or -1}
    int peekPersistence(LiveListener listener, FlowKey key) {
        if (listener.persistenceTicks() == 0) {
            return -1;
        }
        int known =
                context.sharedPersistence.find(client(listener, key), context.nowTicks, listener.persistenceTicks());
        return known != AffinityTable.NONE && isUsable(known) ? AffinityTable.row(known) : -1;
    }

    /// {@return what the scheduler would choose now, its turn not taken: a row, [Scheduler#EMPTY] or [Scheduler#FULL]}
    int peekScheduler(LiveListener listener, FlowKey key) {
        int index = listener.scheduler()
                .peek(key.hash, key.clientHash(listener), listener.hasMaxFlows() ? this : Admission.ALL);
        return index < 0 ? index : listener.scheduler().pool().row(index);
    }

    /// {@return what [#choose] would return now; nothing is remembered and no turn taken}
    int peek(LiveListener listener, FlowKey key) {
        int row = peekPersistence(listener, key);
        return row >= 0 ? row : peekScheduler(listener, key);
    }

    private int schedule(LiveListener listener, FlowKey key) {
        int index = listener.scheduler()
                .choose(key.hash, key.clientHash(listener), listener.hasMaxFlows() ? this : Admission.ALL);
        return index < 0 ? index : listener.scheduler().pool().row(index);
    }

    private static long client(LiveListener listener, FlowKey key) {
        return key.clientHash(listener) ^ listener.identity();
    }

    private boolean isUsable(int backend) {
        int row = AffinityTable.row(backend);
        return (context.records.flags(row) & BackendRecords.ACCEPTS_NEW) != 0
                && context.records.generation(row) == AffinityTable.generation(backend)
                && admits(row);
    }

    /// A packet of a known flow: its client is not idle.
    void refresh(LiveListener listener, FlowKey key) {
        context.sharedPersistence.touch(client(listener, key), context.nowTicks, listener.persistenceTicks());
    }

    /// Where a packet in mid-flow goes that has no entry: for `mh`, where the hash sent its flow when it began.
    int chooseForMidflow(LiveListener listener, FlowKey key) {
        MaglevHistory history = listener.history();
        if (history == null) {
            return choose(listener, key);
        }
        int row = history.backendForMidflow(key.hash, context.nowTicks);
        return row >= 0 ? row : choose(listener, key);
    }

    @Override
    public boolean admits(int row) {
        long most = context.records.maxFlows(row);
        return most == 0 || flowCounts.flows(row) < most;
    }

    /// {@return the counter that a negative choice is dropped with}
    int dropReason(int choice) {
        return choice == Scheduler.FULL ? WorkerCounter.DROP_MAX_FLOWS.id() : WorkerCounter.DROP_NO_BACKEND.id();
    }
}
