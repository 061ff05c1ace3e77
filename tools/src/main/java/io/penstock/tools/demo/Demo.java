package io.penstock.tools.demo;

import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.status.WorkerCounter;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// The demo's story: each method is a step, and each claim in it is checked against what was measured.
final class Demo {
    private static final int START_LIMIT_MS = 20_000;
    private static final int BURST_LIMIT_MS = 15_000;
    private static final int BURST_THREADS = 8;
    private static final int HELD_CONNECTIONS = 30;
    private static final int LOAD_THREADS = 4;
    private static final int WATCH_MS = 4_000;
    /// The longest that clients may notice a dead backend: fall=2 checks, 0.5 s apart, the last one within its 0.4 s,
    /// and as much again for a host that is busy with all the demo's processes.
    private static final int FAILURE_LIMIT_MS = 3_000;
    private static final String VICTIM = "b2";
    private static final String VIP = DemoNetwork.VIP + " " + DemoNetwork.PORT;

    private final DemoPlan plan;
    private final Narrator narrator;
    private final Stage stage;
    private final DemoNetwork network;

    Demo(DemoPlan plan, Narrator narrator, Stage stage) {
        this.plan = plan;
        this.narrator = narrator;
        this.stage = stage;
        this.network = stage.network();
    }

    /// Tells it all.
    void play() throws IOException, InterruptedException, DemoFailure {
        describeNetwork();
        Guest client = startServersAndClient();
        Instance instance = startBalancer(client);
        spread(client, instance);
        client.ask("hold " + VIP + " " + HELD_CONNECTIONS);
        client.ask("load " + VIP + " " + LOAD_THREADS);
        kill(client, instance);
        recover(client, instance);
        killForwarder(client, instance);
        sumUp(instance);
    }

    private void describeNetwork() {
        narrator.step("A network of its own");
        narrator.say("client     %s", DemoNetwork.CLIENT_ADDRESS);
        narrator.say("forwarder  %s   answers ARP for the VIP %s", DemoNetwork.FORWARDER_ADDRESS, DemoNetwork.VIP);
        for (String backend : DemoNetwork.BACKENDS) {
            narrator.say(
                    "%-9s  %s  the VIP on its loopback, silent to ARP", backend, DemoNetwork.backendAddress(backend));
        }
        narrator.say("Namespaces %s-*, joined by a bridge; the host's own network is not touched.", network.prefix());
    }

    private Guest startServersAndClient() throws IOException, DemoFailure {
        for (String backend : DemoNetwork.BACKENDS) {
            stage.startServer(backend);
        }
        Guest client = stage.startClient();
        client.ask("offloads");
        for (String backend : DemoNetwork.BACKENDS) {
            stage.server(backend).awaitReady();
            String to = DemoNetwork.backendAddress(backend) + " " + DemoNetwork.PORT;
            if (client.ask("wait " + to + " " + START_LIMIT_MS).get("ok") == 0) {
                throw new DemoFailure(1, "backend " + backend + " does not answer on its own address");
            }
        }
        return client;
    }

    private Instance startBalancer(Guest client) throws IOException, InterruptedException, DemoFailure {
        narrator.step("Servers and forwarder");
        narrator.say("Three HTTP servers, a process each, answer on port %d.", DemoNetwork.PORT);
        Balancer balancer = stage.startBalancer(plan);
        Instance instance = new Instance(Balancer.runtimeFolder(network), Balancer.INSTANCE);
        awaitUp(balancer, instance);
        if (client.ask("wait " + VIP + " " + START_LIMIT_MS).get("ok") == 0) {
            throw failure(balancer, 1, "the VIP does not answer");
        }
        narrator.say("Frames: %s, woken by %s.", instance.portMode(), instance.transport());
        for (String backend : DemoNetwork.BACKENDS) {
            narrator.claim(
                    instance.awaitHealth(backend, Health.UP, START_LIMIT_MS) >= 0, "health check: %s is up", backend);
        }
        return instance;
    }

    private void awaitUp(Balancer balancer, Instance instance) throws IOException, InterruptedException, DemoFailure {
        long endNs = System.nanoTime() + START_LIMIT_MS * 1_000_000L;
        while (!instance.isUp()) {
            if (!balancer.isAlive()) {
                throw failure(balancer, balancer.exitCode() == 0 ? 1 : balancer.exitCode(), "penstock run ended");
            }
            if (System.nanoTime() - endNs > 0) {
                throw failure(balancer, 1, "the forwarder is not up after " + START_LIMIT_MS / 1_000 + " s");
            }
            Thread.sleep(50);
        }
    }

    private static DemoFailure failure(Balancer balancer, int exitCode, String what) throws IOException {
        return new DemoFailure(exitCode, what + "; it said:\n  " + String.join("\n  ", balancer.lastLines(8)));
    }

    private void spread(Guest client, Instance instance) throws IOException {
        narrator.step(
                "%,d requests to http://%s/, a new TCP connection each".formatted(plan.requests(), DemoNetwork.VIP));
        long forwardedBefore = instance.counter(WorkerCounter.FORWARDED);
        Traffic clientBefore = Traffic.of(network, DemoNetwork.CLIENT);
        Traffic forwarderBefore = Traffic.of(network, DemoNetwork.FORWARDER);
        ClientLine burst =
                client.ask("burst %s %d %d %d".formatted(VIP, plan.requests(), BURST_THREADS, BURST_LIMIT_MS));
        Traffic clients = Traffic.of(network, DemoNetwork.CLIENT).since(clientBefore);
        Traffic forwarders = Traffic.of(network, DemoNetwork.FORWARDER).since(forwarderBefore);
        long forwarded = instance.counter(WorkerCounter.FORWARDED) - forwardedBefore;

        Map<String, Long> answers = answers(burst);
        narrator.bars(answers);
        narrator.say(
                "%,d answered in %.1f s; connect, ask and read: half within %.2f ms, 99 %% within %.2f ms.",
                burst.get("ok"), burst.get("ms") / 1e3, burst.get("p50-us") / 1e3, burst.get("p99-us") / 1e3);
        long tried = burst.get("ok") + burst.get("failed");
        if (tried < plan.requests()) {
            narrator.say("Time was up before the last %,d requests.", plan.requests() - tried);
        }
        narrator.claim(burst.get("failed") == 0, "no request failed (%d did)", burst.get("failed"));
        narrator.claim(isEven(answers), "the flow hash spread them evenly (within 5 standard deviations)");
        narrator.claim(burst.get("strangers") == 0, "each backend saw the client's own address and port");
        directReturn(clients, forwarders, forwarded, burst.get("bytes"));
    }

    private static Map<String, Long> answers(ClientLine line) {
        Map<String, Long> answers = new TreeMap<>();
        DemoNetwork.BACKENDS.forEach(backend -> answers.put(backend, line.get("answers." + backend)));
        return answers;
    }

    /// Each request picks a backend at random: the count of one is binomial, with n p (1 - p) as its variance. Maglev's
    /// own unevenness is below a tenth of a per cent at three backends.
    private static boolean isEven(Map<String, Long> answers) {
        double n = answers.values().stream().mapToLong(Long::longValue).sum();
        double p = 1.0 / answers.size();
        double bound = 5 * Math.sqrt(n * p * (1 - p)) + n / 1000;
        return answers.values().stream().allMatch(count -> Math.abs(count - n * p) <= bound);
    }

    private void directReturn(Traffic clients, Traffic forwarders, long forwarded, long bodyBytes) {
        narrator.step("Direct return: replies do not pass the forwarder");
        narrator.say("%s", clients.row("client"));
        narrator.say("%s", forwarders.row("forwarder"));
        narrator.claim(
                Math.abs(forwarded - clients.framesOut()) <= clients.framesOut() / 50 + 20,
                "what the client sent went through the forwarder: it forwarded %,d of %,d frames",
                forwarded,
                clients.framesOut());
        narrator.claim(
                clients.bytesIn() > bodyBytes && forwarders.bytesIn() < bodyBytes / 2,
                "the replies did not: %s of pages reached the client, all the forwarder received is %s",
                Traffic.megabytes(bodyBytes),
                Traffic.megabytes(forwarders.bytesIn()));
    }

    private void kill(Guest client, Instance instance) throws IOException, InterruptedException {
        narrator.step("A backend is killed under load");
        Thread.sleep(1_000);
        ClientLine before = client.ask("report");
        narrator.say(
                "%d connections stay open and carry a request every 0.1 s (%s); %d clients ask without end.",
                HELD_CONNECTIONS, shares(before.group("alive")), LOAD_THREADS);
        client.ask("mark");
        long killedNs = System.nanoTime();
        stage.server(VICTIM).kill();
        long noticedMs = instance.awaitHealth(VICTIM, Health.DOWN, WATCH_MS);
        Thread.sleep(Math.max(0, WATCH_MS - (System.nanoTime() - killedNs) / 1_000_000));
        ClientLine after = client.ask("report");

        narrator.say("%s is killed with SIGKILL. In the %.1f s after that:", VICTIM, after.get("ms") / 1e3);
        narrator.say(
                "connections on %s: %d of %d ended by its host's RST",
                VICTIM, after.get("lost." + VICTIM), before.get("alive." + VICTIM));
        narrator.say(
                "new connections: %,d answered, %,d failed (%s)",
                after.get("ok"), after.get("failed"), shares(after.group("why")));
        narrator.claim(noticedMs >= 0, "the health check noticed after %.1f s", noticedMs / 1e3);
        narrator.claim(
                after.get("last-failure-ms") < FAILURE_LIMIT_MS,
                "the last request that failed was sent %.1f s after the kill",
                Math.max(0, after.get("last-failure-ms")) / 1e3);
        claimOthersUnharmed(before, after);
        narrator.say("Who answered new connections:");
        narrator.bars(answers(after));
    }

    private void claimOthersUnharmed(ClientLine before, ClientLine after) {
        for (String backend : DemoNetwork.BACKENDS) {
            if (!backend.equals(VICTIM)) {
                narrator.claim(
                        after.get("lost." + backend) == 0
                                && after.get("alive." + backend) == before.get("alive." + backend),
                        "all %d connections on %s go on, no request on them failed",
                        before.get("alive." + backend),
                        backend);
            }
        }
    }

    private void recover(Guest client, Instance instance) throws IOException, InterruptedException {
        narrator.step("It comes back");
        ClientLine before = client.ask("report");
        client.ask("mark");
        stage.startServer(VICTIM).awaitReady();
        long upMs = instance.awaitHealth(VICTIM, Health.UP, START_LIMIT_MS);
        Thread.sleep(2_000);
        ClientLine after = client.ask("report");

        narrator.say("%s is started again.", VICTIM);
        narrator.claim(upMs >= 0, "the health check noticed %.1f s after it was ready", upMs / 1e3);
        narrator.claim(
                after.get("answers." + VICTIM) > 0,
                "it gets new flows again: its first answer %.1f s after the start of its process",
                after.get("first-ms." + VICTIM) / 1e3);
        narrator.claim(after.get("failed") == 0, "no request failed meanwhile (%,d answered)", after.get("ok"));
        claimOthersUnharmed(before, after);
    }

    private void killForwarder(Guest client, Instance instance) throws IOException, InterruptedException {
        narrator.step("The forwarder itself is killed");
        ClientLine before = client.ask("report");
        client.ask("mark");
        long received = instance.counter(WorkerCounter.RECEIVED);
        boolean isBack = instance.killAndAwaitNext(START_LIMIT_MS);
        Thread.sleep(2_500);
        ClientLine after = client.ask("report");

        narrator.claim(isBack, "killed with SIGKILL, it is started again by penstock run");
        long alive = sum(after.group("alive"));
        narrator.claim(
                alive == sum(before.group("alive")),
                "it finds its flows again: all %d open connections go on, after a pause of %.1f s",
                alive,
                after.get("pause-ms") / 1e3);
        narrator.claim(instance.counter(WorkerCounter.RECEIVED) > received, "its counters go on from where they were");
        narrator.say("New connections meanwhile: %,d answered, %,d failed.", after.get("ok"), after.get("failed"));
    }

    private static long sum(Map<String, Long> counts) {
        return counts.values().stream().mapToLong(Long::longValue).sum();
    }

    private void sumUp(Instance instance) throws IOException {
        narrator.step("In the end");
        Map<WorkerCounter, Long> counters = instance.counters();
        long received = counters.getOrDefault(WorkerCounter.RECEIVED, 0L);
        long forwarded = counters.getOrDefault(WorkerCounter.FORWARDED, 0L);
        long replied = counters.getOrDefault(WorkerCounter.REPLIED, 0L);
        long passed = counters.getOrDefault(WorkerCounter.PASSED, 0L);
        Map<String, Long> dropped = Instance.drops(counters);
        long drops = sum(dropped);
        narrator.claim(
                received == forwarded + replied + passed + drops,
                "received %,d = forwarded %,d + replied %,d + passed %,d + dropped %,d %s",
                received,
                forwarded,
                replied,
                passed,
                drops,
                dropped.isEmpty() ? "" : "(" + shares(dropped) + ")");
    }

    private static String shares(Map<String, Long> counts) {
        List<String> words = counts.entrySet().stream()
                .map(entry -> entry.getKey() + " " + entry.getValue())
                .toList();
        return words.isEmpty() ? "none" : String.join(", ", words);
    }
}
