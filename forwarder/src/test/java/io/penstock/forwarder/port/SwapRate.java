package io.penstock.forwarder.port;

import io.penstock.control.config.HugePages;
import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import io.penstock.forwarder.linux.CpuAffinity;
import io.penstock.forwarder.linux.FrameSink;
import io.penstock.forwarder.linux.Libc;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.NetworkNamespaces;
import io.penstock.forwarder.linux.TrafficGenerator;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.Callable;

/// Not a test: measures one worker that swaps MAC addresses on a veth, 60-byte frames, flooded. Run by hand as root:
/// `java -cp ... io.penstock.forwarder.port.SwapRate [runs] [batch]`. The generator has CPU 0, the worker CPU 1; the
/// softirq work for the worker's end of the veth runs on CPU 0 too, and that for the far end, where frames are counted,
/// within the worker's own sending, as veth does it: near half of the worker's kernel time is the far end's.
public final class SwapRate {
    private static final ValueLayout.OfLong MAC = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final int FLOWS = 4096;

    private volatile boolean running = true;
    private volatile boolean ready;
    private volatile String cpu = "";

    private SwapRate() {}

    /// Prints a line for each run and the median.
    public static void main(String[] arguments) throws Exception {
        int runs = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 3;
        int batchFrames = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 64;
        double[] rates = new double[runs];
        for (int run = 0; run < runs; run++) {
            rates[run] = new SwapRate().measure(batchFrames);
        }
        Arrays.sort(rates);
        System.out.printf(
                "median %.2f Mpps [%.2f..%.2f] of %d runs%n", rates[runs / 2], rates[0], rates[runs - 1], runs);
    }

    private double measure(int batchFrames) throws Exception {
        try (NetworkNamespaces net = NetworkNamespaces.open()) {
            String client = net.add("client");
            String lb = net.add("lb");
            net.veth(client, "c0", lb, "l0", 1);
            try (XdpInterface xdp = net.inside(
                            lb,
                            () -> XdpInterface.open("l0", 1, new XdpInterface.Options(HugePages.AUTO, false, false)));
                    FrameSink sink = net.inside(client, () -> new FrameSink("c0"))) {
                xdp.filter().update(Set.of(InetAddress.getByName("192.0.2.1")), Set.of());
                Thread worker = start(() -> work(xdp.ports().getFirst(), batchFrames));
                Thread generator = start(() -> {
                    CpuAffinity.pin(0);
                    try (var _ = net.enter(client);
                            TrafficGenerator traffic = new TrafficGenerator(
                                    LinuxInterface.read("c0").index(), FramePortContract.frame(60, 1), FLOWS)) {
                        while (running) {
                            traffic.send(1_000_000);
                        }
                    }
                    return null;
                });
                Thread.sleep(4_000);
                ready = true;
                long frames = sink.frames();
                long startNs = System.nanoTime();
                Thread.sleep(3_000);
                double rate = 1e3 * (sink.frames() - frames) / (System.nanoTime() - startNs);
                running = false;
                worker.join();
                generator.join();
                System.out.printf("%.2f Mpps, %s; %s%n", rate, cpu, xdp.description());
                return rate;
            }
        }
    }

    private Void work(XdpPort port, int batchFrames) throws Exception {
        CpuAffinity.pin(1);
        Path stat = Path.of("/proc/self/task/" + new Libc(Arena.ofAuto()).gettid() + "/stat");
        FrameBatch batch = new FrameBatch(batchFrames);
        MemorySegment memory = port.memory();
        long batches = 0;
        long idle = 0;
        long frames = 0;
        long[] before = new long[3];
        long framesBefore = 0;
        long startNs = 0;
        while (running) {
            if (ready && startNs == 0) {
                before = ticks(stat);
                framesBefore = frames;
                startNs = System.nanoTime();
            }
            int received = port.receive(batch);
            if (received == 0) {
                idle++;
            }
            if (received > 0) {
                swap(batch, memory, received);
                port.transmit(batch);
                batches++;
                frames += received;
            }
        }
        long[] after = ticks(stat);
        double seconds = (System.nanoTime() - startNs) / 1e9;
        WorkerCounters counters = new WorkerCounters(MemorySegment.ofArray(new long[WorkerCounter.CAPACITY]));
        port.countLost(counters);
        cpu = String.format(
                "worker CPU user %.0f %% kernel %.0f %%, %.0f ns of it a frame, %.1f idle cycles a batch, %.1f frames a batch,"
                        + " %.1f m frames lost before the port",
                (after[0] - before[0]) / seconds,
                (after[1] - before[1]) / seconds,
                (double) (after[2] - before[2]) / (frames - framesBefore),
                (double) idle / batches,
                (double) frames / batches,
                counters.get(WorkerCounter.PORT_LOST) / 1e6);
        return null;
    }

    private static void swap(FrameBatch batch, MemorySegment memory, int received) {
        for (int i = 0; i < received; i++) {
            long at = batch.offsets[i];
            long destination = memory.get(MAC, at);
            long source = memory.get(MAC, at + 6);
            memory.set(MAC, at, (source & 0xffffffffffffL) | (destination << 48));
            memory.set(MAC, at + 6, (destination & 0xffffffffffffL) | (source & 0xffff000000000000L));
            batch.verdicts[i] = FrameBatch.SEND;
        }
    }

    /// User and kernel time of a thread in hundredths of a second, and both together in nanoseconds.
    private static long[] ticks(Path stat) throws Exception {
        String text = Files.readString(stat);
        String[] fields = text.substring(text.lastIndexOf(')') + 2).split(" ");
        String ran = Files.readString(stat.resolveSibling("schedstat")).split(" ")[0];
        return new long[] {Long.parseLong(fields[11]), Long.parseLong(fields[12]), Long.parseLong(ran)};
    }

    private static Thread start(Callable<Void> task) {
        Thread thread = new Thread(() -> {
            try {
                task.call();
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        thread.start();
        return thread;
    }
}
