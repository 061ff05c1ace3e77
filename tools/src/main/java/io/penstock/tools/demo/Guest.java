package io.penstock.tools.demo;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// A program of the demo's own, in a JVM on one of the demo's hosts. What it writes to standard error goes to its log.
/// One thread only.
final class Guest implements AutoCloseable {
    private final String host;
    private final Path log;
    private final Process process;
    private final BufferedReader answers;

    private Guest(String host, Path log, Process process) {
        this.host = host;
        this.log = log;
        this.process = process;
        this.answers = process.inputReader(StandardCharsets.US_ASCII);
    }

    /// Starts a client.
    static Guest client(DemoNetwork network) throws IOException {
        return start(network, DemoNetwork.CLIENT, DemoClient.class, List.of());
    }

    /// Starts a backend's server.
    ///
    /// @param stays whether it outlives us
    static Guest server(DemoNetwork network, String backend, boolean stays) throws IOException {
        List<String> arguments = new ArrayList<>(List.of(backend, Integer.toString(DemoNetwork.PORT)));
        if (stays) {
            arguments.add("stay");
        }
        return start(network, backend, DemoServer.class, arguments);
    }

    /// Starts a program of the class path on a host.
    static Guest start(DemoNetwork network, String host, Class<?> program, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(ProcessHandle.current().info().command().orElse("java"));
        command.addAll(List.of(
                "--enable-native-access=ALL-UNNAMED",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx128m",
                // Or each answer waits for the client's delayed acknowledgement: head and body are two writes.
                "-Dsun.net.httpserver.nodelay=true",
                "-cp",
                System.getProperty("java.class.path", ""),
                program.getName()));
        command.addAll(arguments);
        Path log = network.folder().resolve(host + ".log");
        ProcessBuilder builder = new ProcessBuilder(network.on(host, command))
                .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
        return new Guest(host, log, builder.start());
    }

    /// Sends a command and waits for the answer.
    ClientLine ask(String command) throws IOException {
        OutputStream out = process.getOutputStream();
        out.write((command + "\n").getBytes(StandardCharsets.US_ASCII));
        out.flush();
        ClientLine answer = ClientLine.parse(line());
        if (answer.has("error")) {
            throw new IOException("the demo's " + host + " failed at '" + command + "'; see " + log);
        }
        return answer;
    }

    /// Waits for the line that says that the program serves.
    void awaitReady() throws IOException {
        if (!line().equals("ready")) {
            throw new IOException("the demo's " + host + " does not start; see " + log);
        }
    }

    /// Kills it, as a power cut would.
    void kill() {
        process.destroyForcibly();
    }

    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor(5, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private String line() throws IOException {
        String line = answers.readLine();
        if (line == null) {
            throw new IOException("the demo's " + host + " ended too early; see " + log);
        }
        return line;
    }
}
