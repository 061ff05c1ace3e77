package io.penstock.tools.look;

import io.penstock.control.cli.Lines;
import io.penstock.control.cli.Table;
import io.penstock.control.cli.Units;
import io.penstock.control.config.Addresses;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.status.StatusReader.Totals;
import io.penstock.control.status.StatusView;
import io.penstock.control.status.StatusView.BackendView;
import io.penstock.control.status.StatusView.ListenerView;
import io.penstock.control.status.StatusView.WorkerView;
import io.penstock.control.status.WorkerCounter;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/// An instance as text for people.
final class Pages {
    private Pages() {}

    /// {@return who runs, how, since when, its workers and its listeners}
    static List<String> status(StatusView view, int width) {
        List<String> lines = new ArrayList<>();
        lines.add("instance   %s, version %s, %s"
                .formatted(
                        view.instance(),
                        view.productVersion(),
                        view.alive()
                                ? "up " + Units.duration(view.uptimeSeconds() * 1_000) + ", pid " + view.pid()
                                : "not running"));
        String frames = "frames     %s (%s), transport %s".formatted(view.port(), view.portMode(), view.transport());
        lines.addAll(Lines.wrap(frames, width, "frames     ".length()));
        lines.add("flows      %,d of %,d (%s)"
                .formatted(
                        view.flowsUsed(),
                        view.flowCapacity(),
                        Units.percent((double) view.flowsUsed() / Math.max(1, view.flowCapacity()))));
        lines.add("snapshot   " + snapshot(view));
        lines.add("");
        Table workers = new Table(
                        "WORKER",
                        "CPU",
                        "QUEUE",
                        "RECEIVED",
                        "FORWARDED",
                        "REPLIED",
                        "PASSED",
                        "DROPPED",
                        "FLOWS",
                        "BUSY",
                        "MAX CYCLE")
                .spare("QUEUE", "REPLIED", "PASSED", "CPU", "FLOWS");
        for (WorkerView worker : view.workers()) {
            workers.row(
                    worker.index(),
                    worker.cpu(),
                    worker.queue(),
                    Units.count(worker.counters().getOrDefault(WorkerCounter.RECEIVED, 0L)),
                    Units.count(worker.counters().getOrDefault(WorkerCounter.FORWARDED, 0L)),
                    Units.count(worker.counters().getOrDefault(WorkerCounter.REPLIED, 0L)),
                    Units.count(worker.counters().getOrDefault(WorkerCounter.PASSED, 0L)),
                    Units.count(dropped(worker.counters())),
                    Units.count(worker.flows()),
                    Units.percent(worker.busy()),
                    String.format(Locale.ROOT, "%,d us", worker.maxCycleNs() / 1_000));
        }
        lines.addAll(workers.lines(width));
        lines.add("");
        lines.addAll(listeners(view, width));
        return lines;
    }

    private static String snapshot(StatusView view) {
        if (view.snapshotVersion() == 0) {
            return "none yet: the sidecar writes it";
        }
        return view.snapshotVersion() == view.appliedSnapshot()
                ? view.snapshotVersion() + ", applied"
                : view.snapshotVersion() + ", the forwarder works by " + view.appliedSnapshot();
    }

    /// {@return a line for each listener}
    static List<String> listeners(StatusView view, int width) {
        if (view.listeners().isEmpty()) {
            return List.of("no listeners");
        }
        Table table = new Table(
                        "LISTENER",
                        "VIP",
                        "PROTOCOL",
                        "PORTS",
                        "SCHEDULER",
                        "STATE",
                        "BACKENDS",
                        "FLOWS",
                        "NEW FLOWS",
                        "PACKETS",
                        "BYTES")
                .spare("NEW FLOWS", "SCHEDULER", "BYTES", "PROTOCOL", "PACKETS");
        for (ListenerView listener : view.listeners()) {
            Totals totals = listener.totals();
            table.row(
                    listener.config().name(),
                    listener.config().vips().stream().map(Addresses::text).collect(Collectors.joining(",")),
                    listener.config().protocol().text(),
                    listener.config().ports().text(),
                    listener.config().scheduler().text(),
                    listener.state().text(),
                    usable(listener) + " of " + listener.backends().size(),
                    Units.count(totals.flows()),
                    Units.count(totals.newFlows()),
                    Units.count(totals.packets()),
                    Units.bytes(totals.bytes()));
        }
        return table.lines(width);
    }

    /// {@return how many backends are healthy or not checked, in, and of a weight above 0}
    static long usable(ListenerView listener) {
        return listener.backends().stream()
                .filter(backend -> backend.health() != Health.DOWN)
                .filter(backend -> backend.admin() == io.penstock.control.snapshot.Snapshot.Admin.IN)
                .filter(backend -> backend.config().weight() > 0)
                .count();
    }

    /// {@return a line for each backend of the listeners}
    static List<String> backends(List<ListenerView> listeners, int width) {
        Table table = new Table(
                        "LISTENER",
                        "BACKEND",
                        "ADDRESS",
                        "WEIGHT",
                        "EFFECTIVE",
                        "HEALTH",
                        "ADMIN",
                        "FLOWS",
                        "NEW FLOWS",
                        "PACKETS",
                        "BYTES")
                .spare("NEW FLOWS", "BYTES", "EFFECTIVE", "PACKETS");
        for (ListenerView listener : listeners) {
            for (BackendView backend : listener.backends()) {
                Totals totals = backend.totals();
                table.row(
                        listener.config().name(),
                        backend.config().id(),
                        Addresses.text(backend.config().address()),
                        backend.config().weight(),
                        backend.effectiveWeight(),
                        backend.health().text(),
                        backend.admin().text(),
                        Units.count(totals.flows()),
                        Units.count(totals.newFlows()),
                        Units.count(totals.packets()),
                        Units.bytes(totals.bytes()));
            }
        }
        return table.isEmpty() ? List.of("no backends") : table.lines(width);
    }

    /// {@return where packets went, what was dropped with the reason and the remedy, and the sum}
    ///
    /// @param all also counters that are 0
    static List<String> counters(StatusView view, boolean all, int width) {
        Map<WorkerCounter, Long> sums = sum(view.workers());
        List<String> lines = new ArrayList<>();
        section(lines, "", WorkerCounter.Kind.OUTCOME, sums, true, width);
        section(lines, "Dropped", WorkerCounter.Kind.DROP, sums, all, width);
        section(lines, "Worth knowing", WorkerCounter.Kind.NOTE, sums, all, width);
        if (view.workers().size() > 1) {
            lines.add("");
            lines.add("By worker");
            lines.addAll(byWorker(view.workers(), sums, width));
        }
        lines.add("");
        sumLines(view.workers(), sums).forEach(line -> lines.addAll(Lines.wrap(line, width, 5)));
        return lines;
    }

    private static void section(
            List<String> lines,
            String title,
            WorkerCounter.Kind kind,
            Map<WorkerCounter, Long> sums,
            boolean zeros,
            int width) {
        Table table = kind == WorkerCounter.Kind.OUTCOME
                ? new Table("COUNTER", "COUNT", "MEANING")
                : new Table("COUNTER", "COUNT", "MEANING", "WHAT TO DO");
        for (WorkerCounter counter : WorkerCounter.values()) {
            long count = sums.getOrDefault(counter, 0L);
            if (counter.kind() != kind || (count == 0 && !zeros)) {
                continue;
            }
            String number = String.format(Locale.ROOT, "%,d", count);
            if (kind == WorkerCounter.Kind.OUTCOME) {
                table.row(counter.label(), number, counter.meaning());
            } else {
                table.row(counter.label(), number, counter.meaning(), counter.action());
            }
        }
        if (!title.isEmpty()) {
            lines.add("");
            lines.add(table.isEmpty() ? title + ": nothing" : title);
        }
        if (table.isEmpty()) {
            return;
        }
        if (table.fullWidth() <= width) {
            lines.addAll(table.lines(width));
        } else {
            lines.addAll(inParagraphs(kind, sums, zeros, width));
        }
    }

    /// Where a line is too short for a counter, what it means and what to do: a line for each.
    private static List<String> inParagraphs(
            WorkerCounter.Kind kind, Map<WorkerCounter, Long> sums, boolean zeros, int width) {
        List<String> lines = new ArrayList<>();
        for (WorkerCounter counter : WorkerCounter.values()) {
            long count = sums.getOrDefault(counter, 0L);
            if (counter.kind() == kind && (count > 0 || zeros)) {
                lines.add(String.format(Locale.ROOT, "%s %,d", counter.label(), count));
                lines.addAll(Lines.wrap("  is  " + counter.meaning(), width, 6));
                if (!counter.action().isEmpty()) {
                    lines.addAll(Lines.wrap("  do  " + counter.action(), width, 6));
                }
            }
        }
        return lines;
    }

    private static List<String> byWorker(List<WorkerView> workers, Map<WorkerCounter, Long> sums, int width) {
        List<String> head = new ArrayList<>(List.of("COUNTER"));
        workers.forEach(worker -> head.add("CPU " + worker.cpu()));
        Table table = new Table(head.toArray(String[]::new));
        for (WorkerCounter counter : WorkerCounter.values()) {
            if (sums.getOrDefault(counter, 0L) > 0) {
                List<Object> row = new ArrayList<>(List.of(counter.label()));
                workers.forEach(worker -> row.add(
                        String.format(Locale.ROOT, "%,d", worker.counters().getOrDefault(counter, 0L))));
                table.row(row.toArray());
            }
        }
        return table.lines(width);
    }

    private static List<String> sumLines(List<WorkerView> workers, Map<WorkerCounter, Long> sums) {
        List<String> lines = new ArrayList<>();
        lines.add("sum: " + sumLine(sums));
        for (WorkerView worker : workers) {
            if (!holds(worker.counters())) {
                lines.add("worker %d does not add up, which is an error of ours: %s"
                        .formatted(worker.index(), sumLine(worker.counters())));
            }
        }
        return lines;
    }

    /// {@return the equation that holds for each worker}
    static String sumLine(Map<WorkerCounter, Long> counters) {
        return String.format(
                Locale.ROOT,
                "received %,d %s forwarded %,d + replied %,d + passed %,d + dropped %,d",
                counters.getOrDefault(WorkerCounter.RECEIVED, 0L),
                holds(counters) ? "=" : "is not",
                counters.getOrDefault(WorkerCounter.FORWARDED, 0L),
                counters.getOrDefault(WorkerCounter.REPLIED, 0L),
                counters.getOrDefault(WorkerCounter.PASSED, 0L),
                dropped(counters));
    }

    private static boolean holds(Map<WorkerCounter, Long> counters) {
        return counters.getOrDefault(WorkerCounter.RECEIVED, 0L)
                == counters.getOrDefault(WorkerCounter.FORWARDED, 0L)
                        + counters.getOrDefault(WorkerCounter.REPLIED, 0L)
                        + counters.getOrDefault(WorkerCounter.PASSED, 0L)
                        + dropped(counters);
    }

    /// {@return the sum of all drops}
    static long dropped(Map<WorkerCounter, Long> counters) {
        return counters.entrySet().stream()
                .filter(entry -> entry.getKey().kind() == WorkerCounter.Kind.DROP)
                .mapToLong(Map.Entry::getValue)
                .sum();
    }

    /// {@return each counter over all workers}
    static Map<WorkerCounter, Long> sum(List<WorkerView> workers) {
        Map<WorkerCounter, Long> sums = new EnumMap<>(WorkerCounter.class);
        workers.forEach(worker -> worker.counters().forEach((counter, count) -> sums.merge(counter, count, Long::sum)));
        return sums;
    }
}
