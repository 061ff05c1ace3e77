package io.penstock.forwarder.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.penstock.control.config.PenstockConfig;
import io.penstock.forwarder.path.Frames;
import io.penstock.forwarder.path.TestPath;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `replay` where the time between two frames decides.
class ReplayTest {
    private static final long SECOND_NS = 1_000_000_000;

    private static final String CONFIG = """
            listener.web.vip=203.0.113.10
            listener.web.protocol=tcp
            listener.web.ports=80
            listener.web.health=none
            """;

    @TempDir
    private Path folder;

    @Test
    void shouldNotCountFlowsThatRanOutOfTimeAgainstMaxFlows() throws IOException {
        String lines = replay(CONFIG + "listener.web.backend.a=10.0.0.11 max-flows=1\n", 0, 30, 62);

        assertEquals("1 forward web a\n2 drop max_flows\n3 forward web a\n", lines);
    }

    /// @param seconds when each SYN comes, every one of another flow
    private String replay(String properties, int... seconds) throws IOException {
        Path in = folder.resolve("in.pcap");
        try (PcapWriter writer = new PcapWriter(in, true)) {
            for (int i = 0; i < seconds.length; i++) {
                writer.write(
                        seconds[i] * SECOND_NS,
                        Frames.tcp("198.51.100.1", 1000 + i, "203.0.113.10", 80, Frames.SYN, 0));
            }
        }
        PenstockConfig config = TestPath.config(properties);
        ByteArrayOutputStream lines = new ByteArrayOutputStream();
        try (PcapReader reader = new PcapReader(in);
                PcapWriter writer = new PcapWriter(folder.resolve("out.pcap"), true)) {
            new Replay(config, TestPath.snapshotOf(config, 1), new PrintStream(lines, true, StandardCharsets.UTF_8))
                    .run(reader, writer);
        }
        return lines.toString(StandardCharsets.UTF_8);
    }
}
