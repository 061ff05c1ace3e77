package io.penstock.tools.look;

import com.fasterxml.jackson.core.JsonGenerator;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.status.StatusJson;
import io.penstock.control.status.StatusView;
import io.penstock.control.status.StatusView.WorkerView;
import io.penstock.control.status.WorkerCounter;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `penstock counters`.
@Command(
        name = "counters",
        description = {
            "Shows where every frame went, and why some were dropped and what to do about it.",
            "For each worker: received = forwarded + replied + passed + the sum of all drops.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock counters --all")
public final class CountersCommand implements Callable<ExitCode> {
    @Mixin
    private Look look = new Look();

    @Option(names = "--all", description = "Also counters that are 0.")
    private boolean all;

    @Override
    public ExitCode call() {
        StatusView view = look.viewOnce();
        if (look.isJson()) {
            look.print(json -> write(json, view));
        } else {
            look.print(Pages.counters(view, all, Look.width()));
        }
        return ExitCode.DONE;
    }

    private static void write(JsonGenerator json, StatusView view) throws IOException {
        json.writeStartObject();
        writeAll(json, Pages.sum(view.workers()));
        json.writeArrayFieldStart("workers");
        for (WorkerView worker : view.workers()) {
            json.writeStartObject();
            json.writeNumberField("cpu", worker.cpu());
            json.writeNumberField("queue", worker.queue());
            writeAll(json, worker.counters());
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeEndObject();
    }

    private static void writeAll(JsonGenerator json, Map<WorkerCounter, Long> counters) throws IOException {
        StatusJson.outcomes(json, counters);
        json.writeObjectFieldStart("notes");
        for (WorkerCounter counter : WorkerCounter.values()) {
            if (counter.kind() == WorkerCounter.Kind.NOTE) {
                json.writeNumberField(counter.label(), counters.getOrDefault(counter, 0L));
            }
        }
        json.writeEndObject();
    }
}
