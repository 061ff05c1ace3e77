package io.penstock.forwarder.cli;

import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.InstanceOptions;
import io.penstock.control.cli.JsonOption;
import io.penstock.control.config.Addresses;
import io.penstock.control.runtime.RuntimeFolder;
import java.net.InetAddress;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `penstock explain`: asks the running forwarder what it would do with a packet.
@Command(
        name = "explain",
        description = {
            "Says which backend the next packet of a connection would get now, and why, or why it would be dropped.",
            "Asks the running forwarder; changes nothing.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock explain tcp 198.51.100.7:40000 203.0.113.10:443")
public final class ExplainCommand implements Callable<ExitCode> {
    @Mixin
    private InstanceOptions instance = new InstanceOptions();

    @Mixin
    private JsonOption output = new JsonOption();

    @Parameters(index = "0", paramLabel = "PROTO", description = "tcp or udp.")
    private String protocol = "";

    @Parameters(index = "1", paramLabel = "SRC:PORT", description = "The client; IPv6 as [2001:db8::1]:40000.")
    private String source = "";

    @Parameters(index = "2", paramLabel = "DST:PORT", description = "The VIP and its port.")
    private String destination = "";

    private record Endpoint(InetAddress address, int port) {}

    @Override
    public ExitCode call() throws Exception {
        if (!protocol.equals("tcp") && !protocol.equals("udp")) {
            throw new CommandException(ExitCode.USAGE, "protocol " + protocol + ": tcp or udp expected");
        }
        Endpoint from = endpoint(source);
        Endpoint to = endpoint(destination);
        if (Addresses.isIpv6(from.address) != Addresses.isIpv6(to.address)) {
            throw new CommandException(
                    ExitCode.USAGE, source + " and " + destination + ": two addresses of one family expected");
        }
        RuntimeFolder folder = instance.folder();
        String answer = ControlClient.ask(
                folder,
                "explain " + protocol + " " + Addresses.text(from.address) + " " + from.port + " "
                        + Addresses.text(to.address) + " " + to.port);
        Map<String, @Nullable String> fields = ControlClient.fields(answer);
        if (fields.get("error") != null) {
            throw new CommandException("the forwarder says: " + fields.get("error"));
        }
        System.out.println(output.json() ? answer : sentence(fields));
        return ExitCode.DONE;
    }

    private static Endpoint endpoint(String text) {
        int colon = text.lastIndexOf(':');
        String host = colon < 0 ? "" : text.substring(0, colon);
        String port = text.substring(colon + 1);
        if (host.startsWith("[") && host.endsWith("]")) {
            host = host.substring(1, host.length() - 1);
        }
        InetAddress address = Addresses.parse(host);
        if (address == null || !port.matches("[0-9]{1,5}") || Integer.parseInt(port) > 0xffff) {
            throw new CommandException(
                    ExitCode.USAGE, text + ": ADDRESS:PORT expected, as 198.51.100.7:40000 or [2001:db8::7]:40000");
        }
        return new Endpoint(address, Integer.parseInt(port));
    }

    private static String sentence(Map<String, @Nullable String> fields) {
        String listener = fields.get("listener");
        String backend = fields.get("backend");
        String reason = String.valueOf(fields.get("reason"));
        if (backend == null) {
            return reason.equals("pass")
                    ? "pass: the destination is no VIP; the packet is the host's"
                    : "drop " + reason + (listener == null ? "" : " (listener " + listener + ")")
                            + "; penstock counters explains the reason";
        }
        String why = switch (reason) {
            case "flow_entry" -> "the flow is known";
            case "persistence" -> "the client's other flows go there";
            case "maglev_slot" -> "Maglev slot " + fields.get("slot");
            case "scheduler" -> "the scheduler's next choice";
            default -> "but the packet would be dropped: " + reason;
        };
        return "listener " + listener + ", backend " + backend + " (" + fields.get("address") + ", health "
                + fields.get("health") + "): " + why;
    }
}
