package io.penstock.tools.look;

import com.fasterxml.jackson.core.JsonGenerator;
import io.penstock.control.cli.Lines;
import io.penstock.control.cli.Table;
import io.penstock.control.cli.Units;
import io.penstock.control.status.StatusReader.Totals;
import io.penstock.control.status.StatusView;
import io.penstock.control.status.StatusView.BackendView;
import io.penstock.control.status.StatusView.ListenerView;
import io.penstock.control.status.StatusView.WorkerView;
import io.penstock.control.status.WorkerCounter;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntFunction;

/// What an instance did a second, between two moments.
final class Rates {
    private static final int INDENT = 9;
    private static final int BAR_MIN = 10;
    private static final int BAR_MAX = 50;

    private final StatusView before;
    private final StatusView after;
    private final double seconds;

    /// @param seconds between the two
    Rates(StatusView before, StatusView after, double seconds) {
        this.before = before;
        this.after = after;
        this.seconds = seconds;
    }

    /// {@return a page for people}
    List<String> lines(int width) {
        List<String> lines = new ArrayList<>();
        Map<WorkerCounter, Long> old = Pages.sum(before.workers());
        Map<WorkerCounter, Long> now = Pages.sum(after.workers());
        String head = "instance %s%s, %s, %s   a second, over the last %s"
                .formatted(
                        after.instance(),
                        after.alive() ? "" : " (not running)",
                        after.port(),
                        after.transport(),
                        Units.duration(Math.round(seconds * 1_000)));
        String packets = "packets: received %s, forwarded %s, replied %s, passed %s, dropped %s   flows %,d (new %s)"
                .formatted(
                        rate(old, now, WorkerCounter.RECEIVED),
                        rate(old, now, WorkerCounter.FORWARDED),
                        rate(old, now, WorkerCounter.REPLIED),
                        rate(old, now, WorkerCounter.PASSED),
                        Units.rate(perSecond(Pages.dropped(old), Pages.dropped(now))),
                        after.flowsUsed(),
                        rate(old, now, WorkerCounter.FLOWS_CREATED));
        lines.addAll(Lines.wrap(head, width, INDENT));
        lines.addAll(Lines.wrap(packets, width, INDENT));
        drops(old, now).forEach(line -> lines.addAll(Lines.wrap(line, width, INDENT)));
        lines.add("");
        lines.addAll(withBars(width, this::listeners).lines(width));
        lines.add("");
        lines.addAll(withBars(width, this::workers).lines(width));
        return lines;
    }

    /// Writes one object.
    void write(JsonGenerator json) throws IOException {
        Map<WorkerCounter, Long> old = Pages.sum(before.workers());
        Map<WorkerCounter, Long> now = Pages.sum(after.workers());
        json.writeStartObject();
        json.writeStringField("instance", after.instance());
        number(json, "interval_s", seconds);
        json.writeNumberField("flows", after.flowsUsed());
        for (WorkerCounter counter : WorkerCounter.values()) {
            if (counter.kind() == WorkerCounter.Kind.OUTCOME) {
                number(json, counter.label() + "_per_s", perSecond(old, now, counter));
            }
        }
        json.writeObjectFieldStart("dropped_per_s");
        for (WorkerCounter counter : WorkerCounter.values()) {
            if (counter.kind() == WorkerCounter.Kind.DROP) {
                number(json, counter.label(), perSecond(old, now, counter));
            }
        }
        json.writeEndObject();
        json.writeArrayFieldStart("listeners");
        for (ListenerView listener : after.listeners()) {
            json.writeStartObject();
            json.writeStringField("name", listener.config().name());
            totals(json, totalsBefore(listener), listener.totals());
            json.writeArrayFieldStart("backends");
            for (BackendView backend : listener.backends()) {
                json.writeStartObject();
                json.writeStringField("id", backend.config().id());
                totals(json, totalsBefore(listener, backend), backend.totals());
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeEndObject();
    }

    private List<String> drops(Map<WorkerCounter, Long> old, Map<WorkerCounter, Long> now) {
        List<String> words = new ArrayList<>();
        for (WorkerCounter counter : WorkerCounter.values()) {
            if (counter.kind() == WorkerCounter.Kind.DROP && perSecond(old, now, counter) > 0) {
                words.add(counter.label() + " " + rate(old, now, counter));
            }
        }
        return words.isEmpty() ? List.of() : List.of("dropped: " + String.join(", ", words));
    }

    /// A table whose last column takes what the window has left, within reason.
    private static Table withBars(int width, IntFunction<Table> table) {
        int rest = width - table.apply(BAR_MIN).fullWidth();
        return table.apply(Math.clamp(BAR_MIN + (long) rest, BAR_MIN, BAR_MAX));
    }

    private Table listeners(int barWidth) {
        Table table = new Table(
                        "LISTENER",
                        "BACKEND",
                        "HEALTH",
                        "ADMIN",
                        "FLOWS",
                        "NEW/S",
                        "PACKETS/S",
                        "BITS/S",
                        "SHARE",
                        "SPREAD")
                .spare("ADMIN", "BITS/S", "NEW/S");
        for (ListenerView listener : after.listeners()) {
            Totals all = listener.totals();
            row(table, listener.config().name(), "", listener.state().text(), "", totalsBefore(listener), all, "", "");
            Bars bars = Bars.of(listener.backends(), backend -> flowsMeanwhile(listener, backend), barWidth);
            for (BackendView backend : listener.backends()) {
                row(
                        table,
                        "",
                        backend.config().id(),
                        backend.health().text(),
                        backend.admin().text(),
                        totalsBefore(listener, backend),
                        backend.totals(),
                        bars.share(backend),
                        bars.bar(backend));
            }
        }
        return table;
    }

    /// {@return the flows that were alive at some time between the two moments: short ones count as well as long ones}
    private long flowsMeanwhile(ListenerView listener, BackendView backend) {
        Totals old = totalsBefore(listener, backend);
        return Math.max(0, old.flows()) + Math.max(0, backend.totals().newFlows() - old.newFlows());
    }

    private void row(
            Table table,
            String listener,
            String backend,
            String health,
            String admin,
            Totals old,
            Totals now,
            String share,
            String bar) {
        table.row(
                listener,
                backend,
                health,
                admin,
                String.format(Locale.ROOT, "%,d", now.flows()),
                Units.rate(perSecond(old.newFlows(), now.newFlows())),
                Units.rate(perSecond(old.packets(), now.packets())),
                Units.rate(8 * perSecond(old.bytes(), now.bytes())),
                share,
                bar);
    }

    private Table workers(int barWidth) {
        Table table = new Table("WORKER", "CPU", "RECEIVED/S", "FORWARDED/S", "DROPPED/S", "FLOWS", "BUSY", "0..100%")
                .spare("FLOWS");
        for (WorkerView worker : after.workers()) {
            Map<WorkerCounter, Long> old = worker.index() < before.workers().size()
                    ? before.workers().get(worker.index()).counters()
                    : worker.counters();
            table.row(
                    worker.index(),
                    worker.cpu(),
                    rate(old, worker.counters(), WorkerCounter.RECEIVED),
                    rate(old, worker.counters(), WorkerCounter.FORWARDED),
                    Units.rate(perSecond(Pages.dropped(old), Pages.dropped(worker.counters()))),
                    String.format(Locale.ROOT, "%,d", worker.flows()),
                    Units.percent(worker.busy()),
                    Bars.bar(worker.busy(), barWidth));
        }
        return table;
    }

    private void totals(JsonGenerator json, Totals old, Totals now) throws IOException {
        json.writeNumberField("flows", now.flows());
        number(json, "new_flows_per_s", perSecond(old.newFlows(), now.newFlows()));
        number(json, "packets_per_s", perSecond(old.packets(), now.packets()));
        number(json, "bytes_per_s", perSecond(old.bytes(), now.bytes()));
    }

    /// {@return the totals at the first moment; those of now for what is new, so that it has no rate yet}
    private Totals totalsBefore(ListenerView listener) {
        return before.listeners().stream()
                .filter(each -> each.config().name().equals(listener.config().name()))
                .map(ListenerView::totals)
                .findFirst()
                .orElse(listener.totals());
    }

    private Totals totalsBefore(ListenerView listener, BackendView backend) {
        return before.listeners().stream()
                .filter(each -> each.config().name().equals(listener.config().name()))
                .flatMap(each -> each.backends().stream())
                .filter(each -> each.config().id().equals(backend.config().id()))
                .map(BackendView::totals)
                .findFirst()
                .orElse(backend.totals());
    }

    private String rate(Map<WorkerCounter, Long> old, Map<WorkerCounter, Long> now, WorkerCounter counter) {
        return Units.rate(perSecond(old, now, counter));
    }

    private double perSecond(Map<WorkerCounter, Long> old, Map<WorkerCounter, Long> now, WorkerCounter counter) {
        return perSecond(old.getOrDefault(counter, 0L), now.getOrDefault(counter, 0L));
    }

    /// A counter goes back only when the runtime folder was removed meanwhile: then there is no rate.
    private double perSecond(long old, long now) {
        return Math.max(0, now - old) / seconds;
    }

    private static void number(JsonGenerator json, String name, double value) throws IOException {
        json.writeNumberField(name, Math.round(value * 10) / 10.0);
    }
}
