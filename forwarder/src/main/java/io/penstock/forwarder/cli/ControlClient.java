package io.penstock.forwarder.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.penstock.control.cli.CommandException;
import io.penstock.control.runtime.RuntimeFolder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Asks a running forwarder on its control socket: one line out, one object of JSON back.
final class ControlClient {
    private static final JsonFactory FACTORY = new JsonFactory();

    private ControlClient() {}

    /// {@return the answer's text}
    ///
    /// @throws CommandException when nobody answers
    static String ask(RuntimeFolder folder, String request) {
        try (SocketChannel socket = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            socket.connect(UnixDomainSocketAddress.of(folder.forwarderSocket()));
            socket.write(ByteBuffer.wrap((request + "\n").getBytes(StandardCharsets.UTF_8)));
            ByteArrayOutputStream answer = new ByteArrayOutputStream();
            ByteBuffer buffer = ByteBuffer.allocate(4096);
            while (socket.read(buffer) >= 0) {
                answer.write(buffer.array(), 0, buffer.position());
                buffer.clear();
            }
            return answer.toString(StandardCharsets.UTF_8).strip();
        } catch (IOException gone) {
            throw new CommandException("instance " + folder.instance()
                    + ": its forwarder does not answer (" + gone.getMessage()
                    + "); is it running? see: penstock status");
        }
    }

    /// {@return the members of a flat object}
    static Map<String, @Nullable String> fields(String answer) throws IOException {
        Map<String, @Nullable String> fields = new LinkedHashMap<>();
        try (JsonParser json = FACTORY.createParser(answer)) {
            json.nextToken();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String name = json.currentName();
                fields.put(name, json.nextToken() == JsonToken.VALUE_NULL ? null : json.getText());
            }
        }
        return fields;
    }
}
