package io.penstock.tools.demo;

import io.penstock.tools.linux.Offloads;
import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The client of [KeptConnectionsPackagedTest]: takes a command a line on standard input and answers each with one
/// [ClientLine].
///
/// ```
/// offloads                  off, on its interface
/// wait HOST PORT MS         until a server answers
/// download HOST PORT N      N downloads that never end
/// idle HOST PORT N GROUP    N connections that say nothing from now on
/// wake GROUP                asks once on each of them
/// open HOST PORT N          N connections, one after the other, a question each: who answers?
/// mark                      count from here
/// report                    what became of the downloads since then
/// ```
public final class KeptClient {
    /// Longer than any outage on a busy machine: who is cut off is told, who waits goes on.
    private static final int TIMEOUT_MS = 40_000;
    private static final int BUFFER = 8_192;

    private final List<Download> downloads = new ArrayList<>();
    private final Map<String, List<Idle>> idle = new HashMap<>();

    private KeptClient() {}

    /// Takes commands until standard input ends.
    public static void main(String[] args) throws Exception {
        KeptClient client = new KeptClient();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String command = in.readLine(); command != null; command = in.readLine()) {
            ClientLine answer = new ClientLine();
            try {
                client.run(command.split(" "), answer);
            } catch (IOException e) {
                System.err.println("kept client: " + command + ": " + e);
                answer.put("error", 1);
            }
            System.out.println(answer);
        }
        System.exit(0);
    }

    private void run(String[] command, ClientLine answer) throws IOException, InterruptedException {
        answer.put("done", 1);
        switch (command[0]) {
            case "offloads" -> Offloads.disable(DemoNetwork.INTERFACE);
            case "wait" -> answer.put("ok", await(server(command), Long.parseLong(command[3])) ? 1 : 0);
            case "download" -> download(server(command), Integer.parseInt(command[3]));
            case "idle" -> idle(server(command), Integer.parseInt(command[3]), command[4], answer);
            case "wake" -> wake(idle.getOrDefault(command[1], List.of()), answer);
            case "open" -> open(server(command), Integer.parseInt(command[3]), answer);
            case "mark" -> downloads.forEach(Download::mark);
            case "report" -> report(answer);
            default -> throw new IOException("not a command");
        }
    }

    private static InetSocketAddress server(String[] command) {
        return new InetSocketAddress(command[1], Integer.parseInt(command[2]));
    }

    private static Socket connect(InetSocketAddress to, int timeoutMs) throws IOException {
        Socket socket = new Socket();
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(timeoutMs);
        socket.connect(to, timeoutMs);
        return socket;
    }

    /// {@return who answers}
    private static String ask(Socket socket, String line) throws IOException {
        socket.getOutputStream().write((line + "\n").getBytes(StandardCharsets.US_ASCII));
        StringBuilder name = new StringBuilder();
        for (int read = socket.getInputStream().read();
                read != '\n';
                read = socket.getInputStream().read()) {
            if (read < 0) {
                throw new IOException("the server hung up");
            }
            name.append((char) read);
        }
        return name.toString();
    }

    private static boolean await(InetSocketAddress to, long waitMs) throws InterruptedException {
        long endNs = System.nanoTime() + waitMs * 1_000_000;
        while (System.nanoTime() - endNs < 0) {
            try (Socket socket = connect(to, 500)) {
                ask(socket, "?");
                return true;
            } catch (IOException e) {
                Thread.sleep(20); // Not there yet.
            }
        }
        return false;
    }

    private void download(InetSocketAddress to, int count) throws IOException {
        for (int i = 0; i < count; i++) {
            Socket socket = connect(to, TIMEOUT_MS);
            ask(socket, "d");
            Download download = new Download(socket);
            downloads.add(download);
            Thread.startVirtualThread(download);
        }
    }

    private void idle(InetSocketAddress to, int count, String group, ClientLine answer) throws IOException {
        for (int i = 0; i < count; i++) {
            Socket socket = connect(to, TIMEOUT_MS);
            Idle one = new Idle(socket, ask(socket, "?"));
            idle.computeIfAbsent(group, _ -> new ArrayList<>()).add(one);
            answer.put("port." + one.backend, socket.getLocalPort()); // Of the last one.
        }
    }

    private record Idle(Socket socket, String backend) {}

    private static void wake(List<Idle> sleepers, ClientLine answer) {
        long alive = 0;
        long lost = 0;
        long slowestNs = 0;
        for (Idle one : sleepers) {
            long startNs = System.nanoTime();
            try {
                String backend = ask(one.socket, "?");
                if (!backend.equals(one.backend)) {
                    throw new IOException(backend + " answers");
                }
                alive++;
            } catch (IOException e) {
                System.err.println("kept client: an idle connection to " + one.backend + " is lost: " + e);
                lost++;
            }
            slowestNs = Math.max(slowestNs, System.nanoTime() - startNs);
        }
        answer.put("alive", alive);
        answer.put("lost", lost);
        answer.put("slowest-ms", slowestNs / 1_000_000);
    }

    private static void open(InetSocketAddress to, int count, ClientLine answer) throws IOException {
        Map<String, Long> answers = new HashMap<>();
        for (int i = 0; i < count; i++) {
            try (Socket socket = connect(to, TIMEOUT_MS)) {
                answers.merge(ask(socket, "?"), 1L, Long::sum);
            }
        }
        answers.forEach((backend, times) -> answer.put("answers." + backend, times));
    }

    private void report(ClientLine answer) {
        long alive = 0;
        long lost = 0;
        long bytes = 0;
        long leastBytes = Long.MAX_VALUE;
        long pauseNs = 0;
        for (Download download : downloads) {
            alive += download.lost == null ? 1 : 0;
            lost += download.lost == null ? 0 : 1;
            bytes += download.sinceMark();
            leastBytes = Math.min(leastBytes, download.sinceMark());
            pauseNs = Math.max(pauseNs, download.pauseNs());
        }
        answer.put("alive", alive);
        answer.put("lost", lost);
        answer.put("kb", bytes / 1_000);
        answer.put("least-bytes", leastBytes);
        answer.put("pause-ms", pauseNs / 1_000_000);
    }

    /// A download, each number of which is looked at.
    private static final class Download implements Runnable {
        private final Socket socket;
        private volatile @Nullable String lost;
        private volatile long received;
        private volatile long receivedAtMark;
        private volatile long longestNs;
        private volatile long readNs = System.nanoTime();

        Download(Socket socket) {
            this.socket = socket;
        }

        void mark() {
            receivedAtMark = received;
            longestNs = 0;
        }

        long sinceMark() {
            return received - receivedAtMark;
        }

        /// {@return the longest time without a byte since the mark; what is going on counts too}
        long pauseNs() {
            return Math.max(longestNs, lost == null ? System.nanoTime() - readNs : 0);
        }

        @Override
        public void run() {
            try (socket) {
                DataInputStream in = new DataInputStream(new BufferedInputStream(socket.getInputStream(), BUFFER));
                for (long expected = 0; ; expected++) {
                    long number = in.readLong();
                    if (number != expected) {
                        throw new IOException(number + " came in the place of " + expected);
                    }
                    long nowNs = System.nanoTime();
                    if (nowNs - readNs > longestNs) {
                        longestNs = nowNs - readNs;
                    }
                    readNs = nowNs;
                    received = (expected + 1) * Long.BYTES;
                }
            } catch (IOException e) {
                lost = e.toString();
                System.err.println("kept client: a download is lost: " + e);
            }
        }
    }
}
