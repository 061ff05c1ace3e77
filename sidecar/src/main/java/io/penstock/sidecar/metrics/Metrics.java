package io.penstock.sidecar.metrics;

import io.netty.buffer.ByteBuf;
import io.netty.handler.stream.ChunkedInput;
import io.penstock.control.cli.ProductVersion;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.status.LatencyHistogram;
import io.penstock.control.status.StatusReader;
import io.penstock.control.status.StatusReader.Totals;
import io.penstock.control.status.StatusView;
import io.penstock.control.status.StatusView.BackendView;
import io.penstock.control.status.StatusView.ListenerView;
import io.penstock.control.status.WorkerCounter;
import io.penstock.sidecar.state.DesiredState;
import io.penstock.sidecar.state.SidecarCounters;
import io.penstock.sidecar.state.SidecarCounters.OfBackend;
import io.penstock.sidecar.state.SidecarCounters.OfProcess;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntToDoubleFunction;
import java.util.function.LongSupplier;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/// All metrics of an instance: the forwarder's from its status file, the sidecar's from its own counts. For one thread.
///
/// Counters go on while the runtime folder lives, whichever process restarts, so nothing here keeps a count of its own.
public final class Metrics {
    /// Of the text that is made.
    public static final String CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

    private static final int LEAST_LATENCY_BITS = 6; // 64 ns
    private static final int MOST_LATENCY_BITS = 24; // 16.8 ms

    private final SidecarCounters counters;
    private final LongSupplier greatestLagNs;
    private List<Snapshot.Listener> labelled = List.of();
    private List<byte[]> listenerLabels = List.of();
    private List<byte[]> backendLabels = List.of();

    /// @param greatestLagNs by how much a check was late at most since the last call
    public Metrics(SidecarCounters counters, LongSupplier greatestLagNs) {
        this.counters = counters;
        this.greatestLagNs = greatestLagNs;
    }

    /// {@return the text, made as it is read; the values are those of this moment}
    ///
    /// @param reader of the forwarder's status file, where there is one
    public ChunkedInput<ByteBuf> body(Optional<StatusReader> reader, DesiredState.View view) {
        List<Family> families = new ArrayList<>();
        own(families, view);
        reader.ifPresent(status -> forwarder(families, status));
        listeners(families, reader, view);
        return new MetricsText(families);
    }

    // ---- the sidecar

    private void own(List<Family> families, DesiredState.View view) {
        one(
                families,
                "penstock_build_info",
                MetricType.GAUGE,
                "Version of the sidecar and name of the instance; always 1.",
                Labels.of(
                        "version",
                        ProductVersion.text(),
                        "instance",
                        view.config().instance()),
                1);
        one(
                families,
                "penstock_config_errors",
                MetricType.GAUGE,
                "Problems of the file as it is now; while there are any, the configuration before it stays in force.",
                view.problems().size());
        one(
                families,
                "penstock_config_warnings",
                MetricType.GAUGE,
                "Doubtful settings in the configuration in force.",
                view.warnings().size());
        count(families, "penstock_config_reloads_total", "Times the file was read and taken over.", OfProcess.RELOADS);
        count(
                families,
                "penstock_config_reload_errors_total",
                "Times the file was read and refused.",
                OfProcess.RELOAD_ERRORS);
        one(families, "penstock_snapshot_version", MetricType.GAUGE, "Version of the desired state.", (double)
                view.snapshot().version());
        count(
                families,
                "penstock_snapshots_published_total",
                "Versions of the desired state given to the forwarder.",
                OfProcess.PUBLISHED);
        count(
                families,
                "penstock_snapshot_publish_errors_total",
                "Attempts to give the desired state to the forwarder that failed, such as for want of disk space.",
                OfProcess.PUBLISH_ERRORS);
        count(
                families,
                "penstock_api_connections_refused_total",
                "Connections to the API that were closed because there were too many.",
                OfProcess.API_REFUSED);
        one(
                families,
                "penstock_health_check_lag_seconds",
                MetricType.GAUGE,
                "Greatest delay of a health check behind its time since the last scrape.",
                Math.max(0, greatestLagNs.getAsLong()) / 1e9);
        Runtime runtime = Runtime.getRuntime();
        one(families, "penstock_sidecar_heap_bytes", MetricType.GAUGE, "Heap that the sidecar uses.", (double)
                (runtime.totalMemory() - runtime.freeMemory()));
    }

    private static void one(List<Family> families, String name, MetricType type, String help, double value) {
        one(families, name, type, help, Labels.NONE, value);
    }

    private static void one(
            List<Family> families, String name, MetricType type, String help, byte[] labels, double value) {
        families.add(new Family(name, type, help, List.of(labels), _ -> value));
    }

    private void count(List<Family> families, String name, String help, OfProcess what) {
        one(families, name, MetricType.COUNTER, help, (double) counters.get(what));
    }

    // ---- the forwarder

    private static void forwarder(List<Family> families, StatusReader status) {
        boolean alive = status.isAlive();
        one(
                families,
                "penstock_forwarder_up",
                MetricType.GAUGE,
                "Whether the forwarder runs and gives signs of life.",
                alive ? 1 : 0);
        one(
                families,
                "penstock_forwarder_start_time_seconds",
                MetricType.GAUGE,
                "When the forwarder started, since 1970.",
                status.startMs() / 1e3);
        one(
                families,
                "penstock_snapshot_applied_version",
                MetricType.GAUGE,
                "Version of the desired state that the forwarder works by.",
                (double) status.appliedSnapshot());
        one(families, "penstock_flow_capacity", MetricType.GAUGE, "Flow entries that there is room for.", (double)
                status.flowCapacity());

        // Read now: the file may be mapped anew before the text is made.
        ofWorkers(families, "penstock_flows", "Flow entries that live.", status, status::flows);
        ofWorkers(
                families,
                "penstock_worker_busy_ratio",
                "Share of a worker's cycles that found work.",
                status,
                worker -> status.busyPermille(worker) / 1e3);
        ofWorkers(
                families,
                "penstock_worker_max_cycle_seconds",
                "Longest duty cycle of a worker.",
                status,
                worker -> status.maxCycleNs(worker) / 1e9);
        workerCounters(families, status);
        latency(families, status);
    }

    private static void ofWorkers(
            List<Family> families, String name, String help, StatusReader status, IntToDoubleFunction value) {
        double[] values =
                IntStream.range(0, status.workerCount()).mapToDouble(value).toArray();
        families.add(new Family(name, MetricType.GAUGE, help, workerLabels(values.length), worker -> values[worker]));
    }

    private static List<byte[]> workerLabels(int workers) {
        List<byte[]> labels = new ArrayList<>();
        for (int worker = 0; worker < workers; worker++) {
            labels.add(Labels.of("worker", Integer.toString(worker)));
        }
        return labels;
    }

    // Workers of an earlier, wider run stay: their counts must not go away.
    private static void workerCounters(List<Family> families, StatusReader status) {
        int workers = status.workerRegions();
        List<byte[]> labels = workerLabels(workers);
        List<Map<WorkerCounter, Long>> counts = new ArrayList<>();
        for (int worker = 0; worker < workers; worker++) {
            counts.add(status.counters(worker));
        }
        List<byte[]> reasons = new ArrayList<>();
        List<Long> drops = new ArrayList<>();
        for (WorkerCounter counter : WorkerCounter.values()) {
            if (counter.kind() == WorkerCounter.Kind.DROP) {
                for (int worker = 0; worker < workers; worker++) {
                    reasons.add(Labels.of("worker", Integer.toString(worker), "reason", counter.label()));
                    drops.add(counts.get(worker).getOrDefault(counter, 0L));
                }
            } else {
                families.add(new Family(
                        "penstock_" + counter.label() + "_total",
                        MetricType.COUNTER,
                        sentence(counter.meaning()),
                        labels,
                        worker -> counts.get(worker).getOrDefault(counter, 0L)));
            }
        }
        families.add(new Family(
                "penstock_dropped_total",
                MetricType.COUNTER,
                "Frames dropped, by reason; docs/counters.md says what each means.",
                reasons,
                drops::get));
    }

    private static String sentence(String words) {
        return Character.toUpperCase(words.charAt(0)) + words.substring(1) + ".";
    }

    // Present where forwarder.metrics-latency is on and something was measured.
    private static void latency(List<Family> families, StatusReader status) {
        List<byte[]> labels = new ArrayList<>();
        List<Double> values = new ArrayList<>();
        for (int worker = 0; worker < status.workerRegions(); worker++) {
            long[] counts = status.latency(worker);
            String name = Integer.toString(worker);
            long below = 0;
            double sum = 0;
            int bucket = 0;
            List<Long> cumulated = new ArrayList<>();
            for (int bits = LEAST_LATENCY_BITS; bits <= MOST_LATENCY_BITS; bits++) {
                for (; bucket < counts.length && LatencyHistogram.upperNs(bucket) < 1L << bits; bucket++) {
                    below += counts[bucket];
                    sum += counts[bucket] * (LatencyHistogram.upperNs(bucket) / 1e9);
                }
                cumulated.add(below);
            }
            for (; bucket < counts.length; bucket++) {
                below += counts[bucket];
                sum += counts[bucket] * (LatencyHistogram.upperNs(bucket) / 1e9);
            }
            if (below == 0) {
                continue;
            }
            for (int i = 0; i < cumulated.size(); i++) {
                double seconds = (1L << (LEAST_LATENCY_BITS + i)) / 1e9;
                labels.add(suffixed("_bucket", "worker", name, "le", Double.toString(seconds)));
                values.add((double) cumulated.get(i));
            }
            labels.add(suffixed("_bucket", "worker", name, "le", "+Inf"));
            values.add((double) below);
            labels.add(suffixed("_sum", "worker", name));
            values.add(sum);
            labels.add(suffixed("_count", "worker", name));
            values.add((double) below);
        }
        if (!labels.isEmpty()) {
            families.add(new Family(
                    "penstock_packet_processing_seconds",
                    MetricType.HISTOGRAM,
                    "Sampled processing time of packets; the sum is of the upper bounds, at most 1/16 too great.",
                    labels,
                    values::get));
        }
    }

    private static byte[] suffixed(String suffix, String... namesAndValues) {
        byte[] labels = Labels.of(namesAndValues);
        byte[] head = suffix.getBytes(java.nio.charset.StandardCharsets.US_ASCII);
        byte[] all = java.util.Arrays.copyOf(head, head.length + labels.length);
        System.arraycopy(labels, 0, all, head.length, labels.length);
        return all;
    }

    // ---- listeners and backends

    private void listeners(List<Family> families, Optional<StatusReader> reader, DesiredState.View view) {
        List<ListenerView> listeners =
                StatusView.listeners(reader.map(StatusReader::listeners).orElse(Map.of()), view.snapshot());
        label(view.snapshot().listeners());
        List<Snapshot.Listener> desired = view.snapshot().listeners();

        ofListeners(
                families,
                "penstock_listener_up",
                MetricType.GAUGE,
                "Whether the listener runs.",
                listeners,
                (index, listener) -> desired.get(index).running() ? 1 : 0);
        ofListeners(
                families,
                "penstock_listener_backends",
                MetricType.GAUGE,
                "Backends in the pool.",
                listeners,
                (index, listener) -> listener.backends().size());
        ofListeners(
                families,
                "penstock_listener_flows",
                MetricType.GAUGE,
                "Flows that live.",
                listeners,
                (index, listener) -> listener.totals().flows());
        ofListeners(
                families,
                "penstock_listener_new_flows_total",
                MetricType.COUNTER,
                "Flows that began.",
                listeners,
                (index, listener) -> listener.totals().newFlows());
        ofListeners(
                families,
                "penstock_listener_packets_total",
                MetricType.COUNTER,
                "Packets forwarded.",
                listeners,
                (index, listener) -> listener.totals().packets());
        ofListeners(
                families,
                "penstock_listener_bytes_total",
                MetricType.COUNTER,
                "Bytes forwarded.",
                listeners,
                (index, listener) -> listener.totals().bytes());

        List<Pair> backends = new ArrayList<>();
        for (ListenerView listener : listeners) {
            for (BackendView backend : listener.backends()) {
                backends.add(new Pair(listener.config().name(), backend));
            }
        }
        ofBackends(
                families,
                "penstock_backend_up",
                MetricType.GAUGE,
                "Whether the backend counts as working: checked and up, not checked, or not known yet.",
                backends,
                each -> each.backend.health() == Health.DOWN ? 0 : 1);
        ofBackends(
                families,
                "penstock_backend_draining",
                MetricType.GAUGE,
                "Whether an operator has taken the backend out.",
                backends,
                each -> each.backend.admin() == Admin.IN ? 0 : 1);
        ofBackends(
                families,
                "penstock_backend_weight",
                MetricType.GAUGE,
                "Configured weight.",
                backends,
                each -> each.backend.config().weight());
        ofBackends(
                families,
                "penstock_backend_effective_weight",
                MetricType.GAUGE,
                "Weight that the scheduler uses: 0 while the backend takes no new flows.",
                backends,
                each -> each.backend.effectiveWeight());
        ofTotals(families, "penstock_backend_flows", MetricType.GAUGE, "Flows that live.", backends, Totals::flows);
        ofTotals(
                families,
                "penstock_backend_new_flows_total",
                MetricType.COUNTER,
                "Flows that began.",
                backends,
                Totals::newFlows);
        ofTotals(
                families,
                "penstock_backend_packets_total",
                MetricType.COUNTER,
                "Packets forwarded.",
                backends,
                Totals::packets);
        ofTotals(
                families,
                "penstock_backend_bytes_total",
                MetricType.COUNTER,
                "Bytes forwarded.",
                backends,
                Totals::bytes);
        ofChecks(
                families,
                "penstock_health_transitions_total",
                "Changes of the backend between up and down.",
                backends,
                OfBackend.TRANSITIONS);
        ofChecks(
                families,
                "penstock_health_checks_ok_total",
                "Checks that found the backend working.",
                backends,
                OfBackend.OK);
        ofChecks(
                families,
                "penstock_health_checks_failed_total",
                "Checks that found the backend not working.",
                backends,
                OfBackend.FAILED);
        ofChecks(
                families,
                "penstock_health_check_faults_total",
                "Checks that could not be made, for a reason of this host.",
                backends,
                OfBackend.FAULT);
    }

    private record Pair(String listener, BackendView backend) {}

    private interface OfListener {
        double value(int index, ListenerView listener);
    }

    private void ofListeners(
            List<Family> families,
            String name,
            MetricType type,
            String help,
            List<ListenerView> listeners,
            OfListener value) {
        families.add(new Family(name, type, help, listenerLabels, index -> value.value(index, listeners.get(index))));
    }

    private void ofBackends(
            List<Family> families,
            String name,
            MetricType type,
            String help,
            List<Pair> backends,
            ToDoubleFunction<Pair> value) {
        families.add(new Family(name, type, help, backendLabels, index -> value.applyAsDouble(backends.get(index))));
    }

    private void ofTotals(
            List<Family> families,
            String name,
            MetricType type,
            String help,
            List<Pair> backends,
            ToDoubleFunction<Totals> value) {
        ofBackends(families, name, type, help, backends, each -> value.applyAsDouble(each.backend.totals()));
    }

    private void ofChecks(List<Family> families, String name, String help, List<Pair> backends, OfBackend what) {
        ofBackends(
                families,
                name,
                MetricType.COUNTER,
                help,
                backends,
                each -> counters.get(each.listener, each.backend.config().id(), what));
    }

    // Labels change with the listeners; most scrapes find those of the last one.
    @SuppressWarnings("ReferenceEquality") // Comparing ten thousand backends would cost what this saves.
    private void label(List<Snapshot.Listener> listeners) {
        if (listeners == labelled) {
            return;
        }
        List<byte[]> newListeners = new ArrayList<>();
        List<byte[]> newBackends = new ArrayList<>();
        for (Snapshot.Listener listener : listeners) {
            String name = listener.config().name();
            newListeners.add(Labels.of("listener", name));
            for (Snapshot.Backend backend : listener.backends()) {
                newBackends.add(
                        Labels.of("listener", name, "backend", backend.config().id()));
            }
        }
        listenerLabels = newListeners;
        backendLabels = newBackends;
        labelled = listeners;
    }
}
