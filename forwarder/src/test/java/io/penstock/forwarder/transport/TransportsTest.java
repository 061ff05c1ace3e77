package io.penstock.forwarder.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.TransportKind;
import io.penstock.forwarder.linux.LinuxException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TransportsTest {
    @ParameterizedTest
    @EnumSource
    void shouldSayWhyOrOpen(TransportKind kind) {
        String cause = Transports.unavailabilityCause(kind);
        assertEquals(cause == null, Transports.isAvailable(kind));
        if (cause == null) {
            try (WaitLoop loop = Transports.open(kind, Thread.currentThread())) {
                assertEquals(kind.text(), loop.name());
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldSayInOneLineWhatToDo(TransportKind kind) {
        String lacking = String.valueOf(Transports.lacking(kind, "forbidden").getMessage());

        assertTrue(lacking.startsWith("forwarder.transport=" + kind.text() + ": forbidden; "), lacking);
        assertEquals(1, lacking.lines().count());
    }

    /// The switch that a test can throw without changing the host: Netty's own, in a JVM of its own.
    @Test
    void shouldReportATransportThatIsSwitchedOff() throws Exception {
        Process process = new ProcessBuilder(
                        ProcessHandle.current().info().command().orElseThrow(),
                        "-Dio.netty.transport.noNative=true",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Refused.class.getName())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);

        assertTrue(process.waitFor(20, TimeUnit.SECONDS));
        assertTrue(output.contains("forwarder.transport=io_uring: Native transport was explicit"), output);
        assertTrue(output.contains("or set forwarder.transport=epoll"), output);
    }

    /// Prints how both transports are refused.
    static final class Refused {
        private Refused() {}

        public static void main(String[] args) {
            for (TransportKind kind : TransportKind.values()) {
                try {
                    Transports.open(kind, Thread.currentThread());
                } catch (LinuxException e) {
                    System.out.println(e.getMessage());
                }
            }
        }
    }
}
