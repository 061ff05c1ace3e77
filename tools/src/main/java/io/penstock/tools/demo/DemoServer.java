package io.penstock.tools.demo;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;

/// A backend of the demo: an HTTP server that says its name and the client it saw. Its arguments: name and port.
/// It ends when its standard input does, so that it never outlives the demo; with `stay` as third argument it does.
public final class DemoServer {
    /// Who answered.
    static final String BACKEND_HEADER = "X-Backend";
    /// `ADDRESS:PORT` that the request came from.
    static final String CLIENT_HEADER = "X-Client";
    /// Length of every answer's body: far more than a request, so that a byte count shows which way replies took.
    static final int BODY_LENGTH = 4096;

    private DemoServer() {}

    /// Serves until standard input ends.
    public static void main(String[] args) throws IOException {
        String name = args[0];
        HttpServer server = HttpServer.create(new InetSocketAddress(Integer.parseInt(args[1])), 1024);
        server.createContext("/", exchange -> answer(exchange, name));
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.start();
        System.out.println("ready");
        if (args.length > 2 && args[2].equals("stay")) {
            return;
        }
        while (System.in.read() >= 0) {
            // Nothing is said to a server; only the end counts.
        }
        System.exit(0);
    }

    private static void answer(HttpExchange exchange, String name) throws IOException {
        InetSocketAddress client = exchange.getRemoteAddress();
        String seen = client.getAddress().getHostAddress() + ":" + client.getPort();
        String line = "backend " + name + " answers " + seen + "\n";
        byte[] body = (line + ".".repeat(BODY_LENGTH - line.length() - 1) + "\n").getBytes(StandardCharsets.US_ASCII);
        exchange.getResponseHeaders().set(BACKEND_HEADER, name);
        exchange.getResponseHeaders().set(CLIENT_HEADER, seen);
        exchange.sendResponseHeaders(200, body.length);
        try (var out = exchange.getResponseBody()) {
            out.write(body);
        }
    }
}
