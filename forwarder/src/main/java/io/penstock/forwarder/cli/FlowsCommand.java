package io.penstock.forwarder.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.InstanceOptions;
import io.penstock.control.cli.JsonOption;
import io.penstock.control.cli.Table;
import io.penstock.control.cli.Terminal;
import io.penstock.control.cli.Units;
import io.penstock.control.config.Addresses;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.status.StatusReader;
import io.penstock.control.status.StatusReader.RowOwner;
import io.penstock.flowtable.FlowState;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.FlowTable.Shape;
import io.penstock.flowtable.FlowTableReader;
import io.penstock.flowtable.TickClock;
import io.penstock.forwarder.path.IpKey;
import io.penstock.forwarder.trace.TraceFilter.Network;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `penstock flows`: reads the flow tables of an instance, which the forwarder writes meanwhile.
@Command(
        name = "flows",
        description = "Shows live flow entries: who talks to which backend.",
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock flows web --client 198.51.100.0/24 --limit 20")
public final class FlowsCommand implements Callable<ExitCode> {
    private static final JsonFactory FACTORY = new JsonFactory();

    @Mixin
    private InstanceOptions instance = new InstanceOptions();

    @Mixin
    private JsonOption output = new JsonOption();

    @Parameters(arity = "0..1", paramLabel = "LISTENER", description = "Only those of this listener.")
    private @Nullable String listener;

    @Mixin
    private SelectionOptions selection = new SelectionOptions();

    @Option(names = "--limit", paramLabel = "N", description = "At most N flows; default: all.")
    private long limit = Long.MAX_VALUE;

    private @Nullable Network network;
    private long shown;
    private long left;

    @Override
    public ExitCode call() throws Exception {
        String client = selection.client();
        network = client == null ? null : network(client);
        if (limit < 0) {
            throw new CommandException(ExitCode.USAGE, "--limit " + limit + ": 0 or more expected");
        }
        RuntimeFolder folder = instance.folder();
        try (StatusReader status = instance.openStatus();
                Arena arena = Arena.ofShared()) {
            requireListener(status);
            List<FlowTableReader> tables = tables(folder, arena);
            if (output.json()) {
                PrintWriter lines = new PrintWriter(System.out, false, StandardCharsets.UTF_8);
                tables.forEach(table -> walk(status, table, lines, null));
                lines.flush();
            } else {
                printTable(status, tables);
            }
        }
        return ExitCode.DONE;
    }

    private void printTable(StatusReader status, List<FlowTableReader> tables) {
        Table table = new Table(
                        "PROTO", "CLIENT", "VIP", "LISTENER", "BACKEND", "STATE", "AGE", "IDLE", "PACKETS", "BYTES")
                .spare("BYTES", "AGE", "PROTO", "PACKETS", "LISTENER");
        PrintWriter out = new PrintWriter(System.out, false, StandardCharsets.UTF_8);
        tables.forEach(each -> walk(status, each, out, table));
        table.print(out, Terminal.width());
        if (left > 0) {
            out.println(left + " more; --limit was " + limit);
        }
        out.flush();
    }

    private void requireListener(StatusReader status) {
        if (listener != null && !status.listeners().containsKey(listener)) {
            throw new CommandException("no listener " + listener + " in instance " + status.instance() + ": it has "
                    + String.join(", ", status.listeners().keySet()));
        }
    }

    private static List<FlowTableReader> tables(RuntimeFolder folder, Arena arena) throws IOException {
        List<FlowTableReader> tables = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder.path(), "flows?-*.dat")) {
            for (Path file : files) {
                try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                    MemorySegment memory = channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
                    tables.add(new FlowTableReader(memory));
                } catch (IllegalArgumentException otherLayout) {
                    throw new CommandException(file + " is of another version of this program: use that one");
                }
            }
        }
        return tables;
    }

    private void walk(StatusReader status, FlowTableReader flow, PrintWriter lines, @Nullable Table table) {
        int nowTicks = TickClock.ticks(System.nanoTime());
        String backend = selection.backend();
        boolean isV6 = flow.shape() == Shape.IPV6;
        while (flow.next()) {
            long sourceHigh = isV6 ? flow.sourceHigh() : 0;
            long sourceLow = isV6 ? flow.sourceLow() : flow.addresses4() >>> 32;
            if (network != null && !network.holds(isV6, sourceHigh, sourceLow)) {
                continue;
            }
            RowOwner owner = status.owner(flow.row());
            if (owner == null
                    || owner.generation() != flow.generation()
                    || (listener != null && !owner.listener().equals(listener))
                    || (backend != null && !owner.id().equals(backend))) {
                continue;
            }
            if (shown == limit) {
                left++;
                continue;
            }
            shown++;
            Flow seen = new Flow(
                    flow.protocolBit() == FlowTable.TCP ? "tcp" : "udp",
                    new IpKey(isV6, sourceHigh, sourceLow).address(),
                    flow.ports() >>> 16,
                    destination(flow, isV6).address(),
                    flow.ports() & 0xffff,
                    owner,
                    FlowState.name(flow.state()),
                    Math.max(0, TickClock.msOfTicks(nowTicks - flow.created())),
                    TickClock.msOfTicks(TickClock.elapsed(nowTicks, flow.lastSeen())),
                    flow.packets(),
                    flow.bytes());
            if (table == null) {
                lines.println(seen.json());
            } else {
                seen.addTo(table);
            }
        }
    }

    private static IpKey destination(FlowTableReader flow, boolean isV6) {
        return isV6
                ? new IpKey(true, flow.destinationHigh(), flow.destinationLow())
                : new IpKey(false, 0, flow.addresses4() & 0xffff_ffffL);
    }

    /// One line of the output.
    private record Flow(
            String protocol,
            InetAddress client,
            int clientPort,
            InetAddress vip,
            int port,
            RowOwner owner,
            String state,
            long ageMs,
            long idleMs,
            long packets,
            long bytes) {
        void addTo(Table table) {
            table.row(
                    protocol,
                    Endpoints.text(client, clientPort),
                    Endpoints.text(vip, port),
                    owner.listener(),
                    owner.id(),
                    state,
                    Units.duration(ageMs),
                    Units.duration(idleMs),
                    Units.count(packets),
                    Units.bytes(bytes));
        }

        String json() {
            StringWriter text = new StringWriter();
            try (JsonGenerator json = FACTORY.createGenerator(text)) {
                json.writeStartObject();
                json.writeStringField("protocol", protocol);
                json.writeStringField("client", Addresses.text(client));
                json.writeNumberField("client_port", clientPort);
                json.writeStringField("vip", Addresses.text(vip));
                json.writeNumberField("port", port);
                json.writeStringField("listener", owner.listener());
                json.writeStringField("backend", owner.id());
                json.writeStringField("state", state.toLowerCase(Locale.ROOT));
                json.writeNumberField("age_s", ageMs / 1000.0);
                json.writeNumberField("idle_s", idleMs / 1000.0);
                json.writeNumberField("packets", packets);
                json.writeNumberField("bytes", bytes);
                json.writeEndObject();
            } catch (IOException impossible) {
                throw new AssertionError("memory does not fail", impossible);
            }
            return text.toString();
        }
    }

    private static Network network(String text) {
        int slash = text.indexOf('/');
        InetAddress address = Addresses.parse(slash < 0 ? text : text.substring(0, slash));
        String length = slash < 0 ? "" : text.substring(slash + 1);
        int most = address == null ? 0 : 8 * address.getAddress().length;
        boolean isLength = slash < 0 || (length.matches("[0-9]{1,3}") && Integer.parseInt(length) <= most);
        if (address == null || !isLength) {
            throw new CommandException(
                    ExitCode.USAGE, "--client " + text + ": an address or ADDRESS/PREFIX expected, as 198.51.100.0/24");
        }
        return new Network(IpKey.of(address), slash < 0 ? most : Integer.parseInt(length));
    }
}
