package io.penstock.bench.path;

import io.penstock.bench.report.Report;
import io.penstock.forwarder.path.IpKey;
import io.penstock.forwarder.trace.PacketTrace;
import io.penstock.forwarder.trace.TraceFilter;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a running `penstock trace` costs the packets of known flows: without one, and with one that nothing
/// matches, one flow, all; in turns on one worker.
final class TraceCost {
    private static final int RATE = 1_000; // The command's own default, and its most.
    private static final int RATE_MAX = 100_000;
    private static final int SAMPLE_EVERY = 100;

    private TraceCost() {}

    static void measure(Report report, PathBench bench, int flows, int runs, int runMs) throws UnknownHostException {
        TraceFilter nothing = client("192.0.2.99");
        TraceFilter one = client("10.0.0.7"); // Each flow of FlowFrames comes from an address of its own.
        BenchPath path = bench.path();
        Map<String, @Nullable PacketTrace> traces = new LinkedHashMap<>();
        traces.put("no trace", null);
        traces.put("trace of nothing", path.newTrace(nothing, RATE, 1));
        traces.put("trace of nothing, 1 in " + SAMPLE_EVERY, path.newTrace(nothing, RATE, SAMPLE_EVERY));
        traces.put("trace of one flow", path.newTrace(one, RATE, 1));
        traces.put("trace of all, 1k/s", path.newTrace(TraceFilter.ALL, RATE, 1));
        traces.put("trace of all, 100k/s", path.newTrace(TraceFilter.ALL, RATE_MAX, 1));
        Map<String, List<Double>> values = new LinkedHashMap<>();
        for (int run = -1; run < runs; run++) { // The one before warms up.
            for (Map.Entry<String, @Nullable PacketTrace> each : traces.entrySet()) {
                path.trace(each.getValue());
                double ns = bench.known(runMs);
                if (run >= 0) {
                    values.computeIfAbsent(each.getKey(), _ -> new ArrayList<>())
                            .add(ns);
                }
            }
        }
        path.trace(null);
        values.forEach((name, ns) -> report.add("penstock", name, "memory", "", flows, "ns/packet", ns));
    }

    private static TraceFilter client(String address) throws UnknownHostException {
        IpKey key = IpKey.of(InetAddress.getByName(address));
        return new TraceFilter(0, new TraceFilter.Network(key, 32), null, null, null, null);
    }
}
