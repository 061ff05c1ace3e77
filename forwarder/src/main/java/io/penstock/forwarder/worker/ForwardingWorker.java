package io.penstock.forwarder.worker;

import io.penstock.control.status.WorkerCounters;
import io.penstock.forwarder.path.IpKey;
import io.penstock.forwarder.path.ListenerTable;
import io.penstock.forwarder.path.PacketPath;
import io.penstock.forwarder.port.FrameBatch;
import io.penstock.forwarder.port.FramePort;
import io.penstock.forwarder.trace.PacketTrace;
import java.util.function.LongSupplier;
import org.jctools.queues.varhandle.SpscVarHandleArrayQueue;
import org.jspecify.annotations.Nullable;

/// A worker's day: take a batch, decide on it, send it, count it. One thread, one CPU, one port.
///
/// [#doWork()] may be driven by the worker's own thread or by a test; the other methods, but for [#offer] and
/// [#publish], belong to that same thread.
public final class ForwardingWorker {
    private static final int COMMANDS = 256;

    private final FramePort port;
    private final FrameBatch batch;
    private final PacketPath path;
    private final WorkerCounters counters;
    private final WorkerGauges gauges;
    private final LongSupplier clockNs;
    private final SpscVarHandleArrayQueue<WorkerCommand> commands = new SpscVarHandleArrayQueue<>(COMMANDS);
    private final TableInForce listeners = new TableInForce();

    private @Nullable PacketTrace trace;

    /// @param batch   reused for every cycle
    /// @param clockNs monotonic time
    public ForwardingWorker(
            FramePort port,
            FrameBatch batch,
            PacketPath path,
            WorkerCounters counters,
            WorkerGauges gauges,
            LongSupplier clockNs) {
        this.port = port;
        this.batch = batch;
        this.path = path;
        this.counters = counters;
        this.gauges = gauges;
        this.clockNs = clockNs;
    }

    /// One duty cycle: at most one batch, then at most one command, then a little housekeeping.
    ///
    /// @return 0 when idle, so that the thread may rest
    public int doWork() {
        long nowNs = clockNs.getAsLong();
        ListenerTable table = listeners.get();
        PacketTrace watching = trace; // Null but for the time that an operator looks.
        int received = port.receive(batch);
        if (watching != null) {
            watching.keep(batch);
        }
        path.process(batch, table, nowNs);
        int commandsRun = runCommand();
        boolean moreToTidy = path.tidy();
        if (batch.size > 0) {
            transmit();
        }
        if (watching != null) {
            watching.note(nowNs);
        }
        gauges.cycle(nowNs, received);
        return commandsRun + received + (moreToTidy ? 1 : 0);
    }

    private void transmit() {
        int size = batch.size;
        int wanted = 0;
        for (int i = 0; i < size; i++) {
            wanted += batch.verdicts[i] & FrameBatch.SEND;
        }
        int sent = port.transmit(batch);
        assert sent <= wanted : sent;
        if (sent < wanted) {
            path.notSent(batch, size, wanted - sent); // Drop, don't wait: waiting turns loss into latency for all.
        }
        batch.clear();
        counters.publish();
    }

    private int runCommand() {
        WorkerCommand command = commands.poll();
        if (command == null) {
            return 0;
        }
        command.run(this);
        return 1;
    }

    /// Conductor: asks for something.
    ///
    /// @return false when too much is asked already
    public boolean offer(WorkerCommand command) {
        return commands.offer(command);
    }

    /// Conductor: puts a table in force, from the worker's next cycle on.
    public void publish(ListenerTable table) {
        listeners.publish(table);
    }

    /// For commands: neighbours are to learn that a VIP is with us.
    public void announce(IpKey vip) {
        path.announce(vip);
    }

    /// For commands: begins to note frames, or ends it.
    ///
    /// @param next for this worker, or null for none
    public void trace(@Nullable PacketTrace next) {
        trace = next;
    }

    /// {@return the packet path, for commands and what they hand in}
    public PacketPath path() {
        return path;
    }

    /// {@return the port, for commands}
    public FramePort port() {
        return port;
    }

    /// {@return the batch, for commands that originate frames}
    public FrameBatch batch() {
        return batch;
    }
}
