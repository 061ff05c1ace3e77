package io.penstock.tools.demo;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/// One TCP connection of the demo's client, for one HTTP request after the other. One thread only.
final class DemoConnection implements AutoCloseable {
    private static final int LINE_LENGTH_MAX = 1024;

    /// What an answer said.
    ///
    /// @param backend     who answered
    /// @param seesUs      whether the backend saw this very client: address and port
    /// @param lengthBytes of the body
    record Answer(String backend, boolean seesUs, int lengthBytes) {}

    private final Socket socket;
    private final InputStream in;

    /// Connects.
    ///
    /// @param timeoutMs for connecting and for each read
    DemoConnection(InetSocketAddress to, int timeoutMs) throws IOException {
        socket = new Socket();
        try {
            socket.setTcpNoDelay(true);
            socket.setSoTimeout(timeoutMs);
            socket.connect(to, timeoutMs);
            in = new BufferedInputStream(socket.getInputStream());
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    /// Asks for `/` and reads the whole answer.
    ///
    /// @param last whether the server shall close afterwards
    Answer request(boolean last) throws IOException {
        String request =
                "GET / HTTP/1.1\r\nHost: " + DemoNetwork.VIP + "\r\n" + (last ? "Connection: close\r\n" : "") + "\r\n";
        socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
        String status = line();
        if (!status.startsWith("HTTP/1.1 200")) {
            throw new IOException("the answer is '" + status + "'");
        }
        String backend = "";
        String seen = "";
        int length = 0;
        for (String header = line(); !header.isEmpty(); header = line()) {
            int colon = header.indexOf(':');
            String name = header.substring(0, Math.max(colon, 0)).toLowerCase(Locale.ROOT);
            String value = header.substring(colon + 1).strip();
            switch (name) {
                case "x-backend" -> backend = value;
                case "x-client" -> seen = value;
                case "content-length" -> length = Integer.parseInt(value);
                default -> {}
            }
        }
        if (in.readNBytes(length).length != length) {
            throw new IOException("the answer ended early");
        }
        String us = socket.getLocalAddress().getHostAddress() + ":" + socket.getLocalPort();
        return new Answer(backend, us.equals(seen), length);
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }

    private String line() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0 || line.length() > LINE_LENGTH_MAX) {
                throw new IOException("the connection ended before the answer did");
            }
            if (c != '\r') {
                line.append((char) c);
            }
        }
        return line.toString();
    }
}
