package io.penstock.tools.demo;

import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.Terminal;
import io.penstock.control.config.PortMode;
import io.penstock.control.config.TransportKind;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `penstock demo`.
@Command(
        name = "demo",
        description = {
            "Runs the main job on an isolated network that it makes and removes by itself: a client, a forwarder and "
                    + "three backends with HTTP servers, in network namespaces. Real TCP connections go through a VIP, "
                    + "replies come back directly, a backend is killed under load and comes back.",
            "Each claim is checked; one that does not hold makes the demo fail. It ends in under a minute.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  sudo penstock demo --port packet --transport io_uring")
public final class DemoCommand implements Callable<Integer> {
    private static final int REQUESTS_MAX = 1_000_000;

    @Option(
            names = "--port",
            paramLabel = "xdp|packet",
            converter = Words.Port.class,
            description = "AF_XDP sockets or AF_PACKET rings; default: the best that binds.")
    private PortMode port = PortMode.AUTO;

    @Option(
            names = "--transport",
            paramLabel = "epoll|io_uring",
            converter = Words.Transport.class,
            description = "The Netty transport that wakes the worker; default epoll.")
    private TransportKind transport = TransportKind.EPOLL;

    @Option(names = "--requests", paramLabel = "N", description = "Requests of the spread, 1..1000000; default 3000.")
    private int requests = 3_000;

    @Option(names = "--keep", description = "Leave it running, and print how to look around.")
    private boolean keep;

    @Option(names = "--remove", description = "Only remove what earlier demos left, also with --keep.")
    private boolean remove;

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (requests < 1 || requests > REQUESTS_MAX) {
            throw new CommandException(ExitCode.USAGE, "--requests " + requests + ": 1 to 1000000 is expected");
        }
        String lacks = DemoRunner.lacks();
        if (!lacks.isEmpty()) {
            throw new CommandException(ExitCode.HOST_LACKS, lacks);
        }
        DemoRunner runner = new DemoRunner(System.out, System.err, Terminal.isColoured());
        if (remove) {
            runner.removeLeftovers(true);
            return ExitCode.DONE.status();
        }
        return runner.play(new DemoPlan(port, transport, requests, keep));
    }
}
