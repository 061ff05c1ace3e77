package io.penstock.tools.demo;

import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/// A backend for [KeptConnectionsPackagedTest]. Its arguments: name and ports. To a line `?` it answers with
/// its name, a line `d` begins a download without end: numbers of eight bytes, each one more than the last.
public final class KeptServer {
    private static final int BACKLOG = 200;
    /// A chunk of numbers now and then: about 400 kB a second, so that a download is always under way and no link full.
    private static final int NUMBERS_AT_ONCE = 1_024;
    private static final int PAUSE_MS = 20;

    private KeptServer() {}

    /// Serves until standard input ends.
    public static void main(String[] args) throws IOException {
        for (int i = 1; i < args.length; i++) {
            ServerSocket socket =
                    new ServerSocket(Integer.parseInt(args[i]), BACKLOG, InetAddress.ofLiteral("0.0.0.0"));
            Thread.ofPlatform().daemon().start(() -> accept(socket, args[0]));
        }
        System.out.println("ready");
        while (System.in.read() >= 0) {
            // Nothing is said to a server; only the end counts.
        }
        System.exit(0);
    }

    private static void accept(ServerSocket listening, String name) {
        try {
            while (true) {
                Socket socket = listening.accept();
                Thread.startVirtualThread(() -> serve(socket, name));
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static void serve(Socket socket, String name) {
        try (socket) {
            socket.setTcpNoDelay(true);
            BufferedReader in =
                    new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                socket.getOutputStream().write((name + "\n").getBytes(StandardCharsets.US_ASCII));
                if (line.equals("d")) {
                    send(socket);
                }
            }
        } catch (IOException gone) {
            // The client has left, or was cut off, and says so.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void send(Socket socket) throws IOException, InterruptedException {
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(socket.getOutputStream(), 8_192));
        for (long number = 0; ; number++) {
            out.writeLong(number);
            if (number % NUMBERS_AT_ONCE == 0) {
                out.flush();
                Thread.sleep(PAUSE_MS);
            }
        }
    }
}
