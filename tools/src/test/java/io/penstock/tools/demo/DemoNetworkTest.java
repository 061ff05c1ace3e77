package io.penstock.tools.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("root")
class DemoNetworkTest {
    @BeforeEach
    void needsRoot() {
        Assumptions.assumeTrue(
                System.getProperty("user.name").equals("root") && Program.isInstalled("ip"),
                "network namespaces need root and the program ip");
    }

    @Test
    void shouldCarryHttpFromTheClientToABackendAndLeaveNothingBehind() throws Exception {
        DemoNetwork network = DemoNetwork.create();
        try (network;
                Guest server = Guest.server(network, "b2", false);
                Guest client = Guest.client(network)) {
            server.awaitReady();
            client.ask("offloads");
            String to = DemoNetwork.backendAddress("b2") + " " + DemoNetwork.PORT;

            assertEquals(1, client.ask("wait " + to + " 5000").get("ok"));
            ClientLine burst = client.ask("burst " + to + " 200 4 10000");
            assertEquals(200, burst.get("ok"), burst.toString());
            assertEquals(200, burst.get("answers.b2"), burst.toString());
            assertEquals(0, burst.get("failed"), burst.toString());
            assertEquals(0, burst.get("strangers"), burst.toString());
            assertEquals(200L * DemoServer.BODY_LENGTH, burst.get("bytes"), burst.toString());
            assertTrue(network.switchCounter(DemoNetwork.CLIENT, "tx_bytes") > 200L * DemoServer.BODY_LENGTH);
        }

        assertFalse(Files.exists(network.folder()));
        assertFalse(Program.run("ip", "netns", "list").contains(network.prefix()));
    }

    @Test
    void shouldSayWhatBecameOfConnectionsWhenTheirServerIsKilled() throws Exception {
        try (DemoNetwork network = DemoNetwork.create();
                Guest server = Guest.server(network, "b1", false);
                Guest client = Guest.client(network)) {
            server.awaitReady();
            String to = DemoNetwork.backendAddress("b1") + " " + DemoNetwork.PORT;
            assertEquals(1, client.ask("wait " + to + " 5000").get("ok"));
            assertEquals(5, client.ask("hold " + to + " 5").get("alive.b1"));
            client.ask("load " + to + " 2");
            Thread.sleep(300);
            client.ask("mark");
            server.kill();
            Thread.sleep(700);

            ClientLine report = client.ask("report");
            assertEquals(5, report.get("lost.b1"), report.toString());
            assertTrue(report.get("failed") > 0, report.toString());
            assertTrue(report.get("last-failure-ms") > 300, report.toString());
        }
    }

    /// A demo that was killed leaves its namespaces; the next one finds and removes them.
    @Test
    void shouldFindWhatAKilledDemoLeftBehind() throws Exception {
        DemoNetwork network = DemoNetwork.create();
        try (network) {
            assertFalse(isLeftBehind(network, true), "its demo still runs");

            String state = Files.readString(network.folder().resolve("demo.state"));
            Files.writeString(network.folder().resolve("demo.state"), state.replaceAll("started=.*", "started=1"));
            assertTrue(isLeftBehind(network, false));

            network.keep();
            assertFalse(isLeftBehind(network, false), "kept on purpose");
            assertTrue(isLeftBehind(network, true));
        }
        assertFalse(isLeftBehind(network, true));
    }

    private static boolean isLeftBehind(DemoNetwork network, boolean keptToo) throws IOException {
        return DemoNetwork.leftBehind(keptToo).stream()
                .anyMatch(found -> found.prefix().equals(network.prefix()));
    }
}
