package io.penstock.tools.demo;

import io.penstock.tools.run.Launcher;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Runs the demo from the first check of the host to the last namespace removed.
public final class DemoRunner {
    private static final int FAILED = 1;
    private static final int HOST_LACKS = 3;

    private final PrintStream out;
    private final PrintStream err;
    private final boolean colour;

    /// @param colour whether `out` is a terminal
    public DemoRunner(PrintStream out, PrintStream err, boolean colour) {
        this.out = out;
        this.err = err;
        this.colour = colour;
    }

    /// {@return what the host lacks for a demo, with the remedy; empty when it lacks nothing}
    public static String lacks() throws IOException {
        if (!Integer.valueOf(0).equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"))) {
            return "the demo makes network namespaces, which takes root: sudo tools/penstock demo";
        }
        if (!Program.isInstalled("ip")) {
            return "the demo needs the program ip: install the package iproute2";
        }
        return "";
    }

    /// Plays the demo.
    ///
    /// @return the exit code
    public int play(DemoPlan plan) throws IOException, InterruptedException {
        removeLeftovers(false);
        Narrator narrator = new Narrator(out, colour);
        DemoNetwork network;
        try {
            network = DemoNetwork.create();
        } catch (IOException e) {
            err.println("penstock demo: this host makes no network of namespaces, bridge and veth: " + e.getMessage());
            return HOST_LACKS;
        }
        Stage stage = new Stage(network, plan.keep());
        Thread onExit = new Thread(() -> close(stage), "ps-demo-exit");
        Runtime.getRuntime().addShutdownHook(onExit);
        try {
            new Demo(plan, narrator, stage).play();
            if (plan.keep()) {
                stage.leaveRunning();
                describeKept(network);
            } else {
                close(stage);
            }
            narrator.say("%.0f s in all%s.", narrator.elapsedS(), plan.keep() ? "" : "; the network is gone again");
            if (narrator.broken() > 0) {
                err.println("penstock demo: " + narrator.broken() + " of its claims did not hold");
                return FAILED;
            }
            return 0;
        } catch (DemoFailure e) {
            err.println("penstock demo: " + e.getMessage());
            return e.exitCode();
        } catch (IOException | RuntimeException e) {
            if (stage.isClosed()) {
                return FAILED; // Ctrl-C took it down under our feet, and says so by its own exit code.
            }
            throw e;
        } finally {
            close(stage);
        }
    }

    /// Removes what demos before left behind.
    ///
    /// @param keptToo also those that were told to stay
    public void removeLeftovers(boolean keptToo) throws IOException {
        for (DemoNetwork network : DemoNetwork.leftBehind(keptToo)) {
            network.close();
            out.println("removed the network of an earlier demo: " + network.prefix());
        }
    }

    private void close(Stage stage) {
        try {
            stage.close();
        } catch (IOException e) {
            err.println("penstock demo: the network could not be removed: " + e.getMessage()
                    + " (the next demo tries again)");
        }
    }

    private void describeKept(DemoNetwork network) {
        String launcher = Launcher.path().toString();
        String options = " --instance " + Balancer.INSTANCE + " --runtime-dir " + Balancer.runtimeFolder(network);
        String forwarder = "ip netns exec " + network.namespace(DemoNetwork.FORWARDER) + " ";
        String client = "ip netns exec " + network.namespace(DemoNetwork.CLIENT) + " ";
        out.println();
        out.println("It stays up. As root, look around:");
        for (String command : List.of(
                launcher + " status" + options,
                launcher + " top" + options,
                launcher + " flows" + options,
                launcher + " drain " + Balancer.LISTENER + " b1" + options,
                client + "curl -s http://" + DemoNetwork.VIP + "/ | head -n 1",
                forwarder + "curl -s http://127.0.0.1:9650/metrics",
                "tail -f " + network.folder().resolve("penstock.log"),
                "cat " + Balancer.configuration(network))) {
            out.println("   " + command);
        }
        out.println("and remove it with");
        out.println("   " + launcher + " demo --remove");
        out.println();
    }
}
