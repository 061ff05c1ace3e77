package io.penstock.tuning;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.penstock.tuning.Tuner.Outcome;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;

/// What `tune apply` and `tune undo` did, for people or programs.
final class OutcomePage {
    private OutcomePage() {}

    /// Prints a line for each outcome, or one line of JSON.
    static void print(PrintWriter out, List<Outcome> outcomes, boolean json) throws IOException {
        if (json) {
            out.println(json(outcomes));
        } else {
            for (Outcome outcome : outcomes) {
                out.println(line(outcome));
            }
        }
        out.flush();
    }

    private static String line(Outcome outcome) {
        String change = outcome.setting().target() + ": "
                + (outcome.before().isEmpty() ? "?" : outcome.before())
                + " -> " + outcome.setting().value();
        if (!outcome.done()) {
            return change + ": FAILED: " + outcome.error();
        }
        return change + (outcome.remark().isEmpty() ? "" : " (" + outcome.remark() + ")");
    }

    private static String json(List<Outcome> outcomes) throws IOException {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = new JsonFactory().createGenerator(text)) {
            json.writeStartArray();
            for (Outcome outcome : outcomes) {
                json.writeStartObject();
                json.writeStringField("kind", outcome.setting().kind().text());
                json.writeStringField("target", outcome.setting().target());
                json.writeStringField("before", outcome.before());
                json.writeStringField("after", outcome.setting().value());
                json.writeBooleanField("done", outcome.done());
                json.writeStringField("error", outcome.error());
                json.writeEndObject();
            }
            json.writeEndArray();
        }
        return text.toString();
    }
}
