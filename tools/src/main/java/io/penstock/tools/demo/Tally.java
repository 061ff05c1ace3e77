package io.penstock.tools.demo;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/// What became of the requests since a moment. Safe for all threads.
final class Tally {
    private final long startNs = System.nanoTime();
    private final Map<String, Long> answers = new TreeMap<>();
    private final Map<String, Long> firstAnswerMs = new TreeMap<>();
    private final Map<String, Long> failures = new TreeMap<>();
    private long[] micros = new long[1024];
    private int count;
    private long strangers;
    private long lastFailureMs = -1;
    private long bodyBytes;

    /// Counts an answer.
    ///
    /// @param sentNs when the client began to connect
    synchronized void answered(DemoConnection.Answer answer, long sentNs) {
        long nowNs = System.nanoTime();
        answers.merge(answer.backend(), 1L, Long::sum);
        firstAnswerMs.putIfAbsent(answer.backend(), (nowNs - startNs) / 1_000_000);
        if (!answer.seesUs()) {
            strangers++;
        }
        bodyBytes += answer.lengthBytes();
        if (count == micros.length) {
            micros = Arrays.copyOf(micros, 2 * count);
        }
        micros[count++] = (nowNs - sentNs) / 1_000;
    }

    /// Counts a failure.
    ///
    /// @param sentNs when the client began to connect
    synchronized void failed(String why, long sentNs) {
        failures.merge(why, 1L, Long::sum);
        lastFailureMs = Math.max(lastFailureMs, (sentNs - startNs) / 1_000_000);
    }

    /// Adds what was counted to a line of the client.
    synchronized void report(ClientLine line) {
        long[] sorted = Arrays.copyOf(micros, count);
        Arrays.sort(sorted);
        line.put("ms", (System.nanoTime() - startNs) / 1_000_000);
        line.put("ok", count);
        line.put("failed", failures.values().stream().mapToLong(Long::longValue).sum());
        line.put("strangers", strangers);
        line.put("bytes", bodyBytes);
        line.put("p50-us", percentile(sorted, 0.50));
        line.put("p99-us", percentile(sorted, 0.99));
        line.put("last-failure-ms", lastFailureMs);
        answers.forEach((backend, answered) -> line.put("answers." + backend, answered));
        firstAnswerMs.forEach((backend, ms) -> line.put("first-ms." + backend, ms));
        failures.forEach((why, failed) -> line.put("why." + why.replaceAll("[^a-z]+", "-"), failed));
    }

    private static long percentile(long[] sorted, double share) {
        return sorted.length == 0 ? 0 : sorted[(int) Math.min(sorted.length - 1, Math.round(share * sorted.length))];
    }
}
