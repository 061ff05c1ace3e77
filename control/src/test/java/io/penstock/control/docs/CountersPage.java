package io.penstock.control.docs;

import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounter.Kind;

/// Writes `docs/counters.md` from the enum of counters.
final class CountersPage {
    private CountersPage() {}

    static String text() {
        StringBuilder out = new StringBuilder("""
                # Counters

                *Written from the code by `DocumentsTest`; to write it again:
                `./mvnw -pl control -am test -Dtest=DocumentsTest -Dsurefire.failIfNoSpecifiedTests=false -Dpenstock.docs=write`.*

                What each worker counts. The names are the same in `penstock counters`, `replay`, `explain`, the API and the
                metrics (`penstock_received_total`, `penstock_dropped_total{reason="no_listener"}`, …). Unit: frames, unless
                the name says bytes or flows. Counters only grow, also over restarts, as long as the instance's runtime
                folder lives; they are published together at the end of each batch.

                For each worker: `received` = `forwarded` + `replied` + `passed` + the sum of all drop reasons.
                `penstock counters` shows the sum. A fragment that waits for its first part is counted when its fate is
                known.

                ## What becomes of a frame

                | name | meaning |
                |---|---|
                """);
        for (WorkerCounter counter : WorkerCounter.values()) {
            if (counter.kind() == Kind.OUTCOME) {
                out.append("| `")
                        .append(counter.label())
                        .append("` | ")
                        .append(counter.meaning())
                        .append(" |\n");
            }
        }
        rows(out, """

                ## Why a frame is dropped

                | reason | meaning | what to do |
                |---|---|---|
                """, Kind.DROP);
        rows(out, """

                ## What else is counted

                No part of the sum.

                | name | meaning | what to do |
                |---|---|---|
                """, Kind.NOTE);
        return out.toString();
    }

    private static void rows(StringBuilder out, String head, Kind kind) {
        out.append(head);
        for (WorkerCounter counter : WorkerCounter.values()) {
            if (counter.kind() == kind) {
                out.append("| `").append(counter.label()).append("` | ").append(counter.meaning());
                out.append(" | ").append(counter.action()).append(" |\n");
            }
        }
    }
}
