package io.penstock.tools.demo;

import io.penstock.tools.linux.Offloads;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// The demo's client: takes a command a line on standard input and answers each with one [ClientLine] on standard
/// output. It ends when its input does.
///
/// ```
/// offloads                           off, on its interface
/// wait HOST PORT MS                  until a server answers
/// burst HOST PORT N THREADS MS       N requests, a new connection each, within MS
/// hold HOST PORT N                   N connections that stay, a request on each every 100 ms
/// load HOST PORT THREADS             requests without end, a new connection each
/// rate HOST PORT N                   N requests a second without end, however long each takes
/// mark                               count from here
/// report                             what became of hold, load and rate since then
/// ```
public final class DemoClient {
    private static final int TIMEOUT_MS = 5_000;
    /// A held connection outlives a restart of the forwarder, however busy the machine is.
    private static final int HOLD_TIMEOUT_MS = 60_000;
    private static final int HOLD_PERIOD_MS = 100;
    private static final int LOAD_PAUSE_MS = 4;

    private final List<Held> held = new ArrayList<>();
    private volatile Tally load = new Tally();

    private DemoClient() {}

    /// Takes commands until standard input ends.
    public static void main(String[] args) throws Exception {
        DemoClient client = new DemoClient();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String command = in.readLine(); command != null; command = in.readLine()) {
            ClientLine answer = new ClientLine();
            try {
                client.run(command.split(" "), answer);
            } catch (IOException e) {
                complain(command + ": " + e.getMessage());
                answer.put("error", 1);
            }
            System.out.println(answer);
        }
        System.exit(0);
    }

    private static void complain(String what) {
        System.err.println("demo client: " + what);
    }

    private void run(String[] command, ClientLine answer) throws IOException, InterruptedException {
        answer.put("done", 1);
        switch (command[0]) {
            case "offloads" -> Offloads.disable(DemoNetwork.INTERFACE);
            case "wait" -> answer.put("ok", await(server(command), Long.parseLong(command[3])) ? 1 : 0);
            case "burst" ->
                burst(
                        server(command),
                        Integer.parseInt(command[3]),
                        Integer.parseInt(command[4]),
                        Long.parseLong(command[5]),
                        answer);
            case "hold" -> hold(server(command), Integer.parseInt(command[3]), answer);
            case "load" -> load(server(command), Integer.parseInt(command[3]));
            case "rate" -> rate(server(command), Integer.parseInt(command[3]));
            case "mark" -> {
                load = new Tally();
                held.forEach(Held::mark);
            }
            case "report" -> report(answer);
            default -> throw new IOException("not a command");
        }
    }

    private static InetSocketAddress server(String[] command) {
        return new InetSocketAddress(command[1], Integer.parseInt(command[2]));
    }

    private static boolean await(InetSocketAddress to, long waitMs) throws InterruptedException {
        long endNs = System.nanoTime() + waitMs * 1_000_000;
        while (System.nanoTime() - endNs < 0) {
            try (DemoConnection connection = new DemoConnection(to, 250)) {
                connection.request(true);
                return true;
            } catch (IOException e) {
                Thread.sleep(20); // Not there yet.
            }
        }
        return false;
    }

    private static void burst(InetSocketAddress to, int requests, int threads, long limitMs, ClientLine answer)
            throws InterruptedException {
        Tally tally = new Tally();
        AtomicInteger left = new AtomicInteger(requests);
        long endNs = System.nanoTime() + limitMs * 1_000_000;
        List<Thread> running = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            running.add(Thread.startVirtualThread(() -> {
                while (left.getAndDecrement() > 0 && System.nanoTime() - endNs < 0) {
                    visit(to, tally);
                }
            }));
        }
        for (Thread thread : running) {
            thread.join();
        }
        tally.report(answer);
    }

    private void hold(InetSocketAddress to, int connections, ClientLine answer) throws IOException {
        for (int i = 0; i < connections; i++) {
            Held one = new Held(to);
            held.add(one);
            Thread.startVirtualThread(one);
        }
        report(answer);
    }

    private void load(InetSocketAddress to, int threads) {
        for (int i = 0; i < threads; i++) {
            Thread.startVirtualThread(() -> {
                try {
                    while (true) {
                        visit(to, load);
                        Thread.sleep(LOAD_PAUSE_MS);
                    }
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
        }
    }

    // Threads that ask in turn would soon all wait for the one backend that is silent, and see nothing of the others.
    private void rate(InetSocketAddress to, int perSecond) {
        Thread.startVirtualThread(() -> {
            long startNs = System.nanoTime();
            try {
                for (long sent = 0; ; sent++) {
                    long dueNs = startNs + sent * 1_000_000_000L / perSecond;
                    Thread.sleep(Math.max(0, (dueNs - System.nanoTime()) / 1_000_000));
                    Tally current = load;
                    Thread.startVirtualThread(() -> visit(to, current));
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    private void report(ClientLine answer) {
        load.report(answer);
        Map<String, Long> alive = new TreeMap<>();
        Map<String, Long> lost = new TreeMap<>();
        long requests = 0;
        long pauseMs = 0;
        for (Held one : held) {
            pauseMs = Math.max(pauseMs, one.pauseMs());
            (one.lost == null ? alive : lost).merge(one.backend, 1L, Long::sum);
            requests += one.requests.get();
        }
        answer.put("held-requests", requests);
        answer.put("pause-ms", pauseMs);
        alive.forEach((backend, count) -> answer.put("alive." + backend, count));
        lost.forEach((backend, count) -> answer.put("lost." + backend, count));
    }

    private static void visit(InetSocketAddress to, Tally tally) {
        long sentNs = System.nanoTime();
        try (DemoConnection connection = new DemoConnection(to, TIMEOUT_MS)) {
            tally.answered(connection.request(true), sentNs);
        } catch (IOException e) {
            tally.failed(reason(e), sentNs);
        }
    }

    private static String reason(IOException e) {
        if (e instanceof SocketTimeoutException) {
            return "timeout";
        }
        if (e instanceof ConnectException) {
            return "refused";
        }
        String message = String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT);
        return message.contains("reset") ? "reset" : "cut";
    }

    /// A connection that stays, with a request now and then.
    private static final class Held implements Runnable {
        private final DemoConnection connection;
        private final String backend;
        private final AtomicInteger requests = new AtomicInteger();
        private volatile @Nullable String lost;
        private volatile long answeredNs = System.nanoTime();
        private volatile long pauseNs;

        Held(InetSocketAddress to) throws IOException {
            connection = new DemoConnection(to, HOLD_TIMEOUT_MS);
            backend = connection.request(false).backend();
        }

        void mark() {
            requests.set(0); // One request more or less on the way does not matter.
            pauseNs = 0;
        }

        /// {@return the longest time without an answer since the mark; what is going on counts too}
        long pauseMs() {
            long lastNs = lost == null ? System.nanoTime() - answeredNs : 0;
            return Math.max(pauseNs, lastNs) / 1_000_000;
        }

        @Override
        public void run() {
            try (connection) {
                while (true) {
                    Thread.sleep(HOLD_PERIOD_MS);
                    if (!connection.request(false).backend().equals(backend)) {
                        throw new IOException("answered by another backend");
                    }
                    requests.incrementAndGet();
                    long nowNs = System.nanoTime();
                    pauseNs = Math.max(pauseNs, nowNs - answeredNs);
                    answeredNs = nowNs;
                }
            } catch (IOException e) {
                lost = reason(e);
                complain("a connection to " + backend + " was lost: " + e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
