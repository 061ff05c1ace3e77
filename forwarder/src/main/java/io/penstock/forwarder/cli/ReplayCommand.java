package io.penstock.forwarder.cli;

import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ConfigOptions;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.Snapshots;
import io.penstock.forwarder.replay.PcapReader;
import io.penstock.forwarder.replay.PcapWriter;
import io.penstock.forwarder.replay.Replay;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `penstock replay`: what the forwarder would do with the frames of a capture.
@Command(
        name = "replay",
        description = {
            "Runs the forwarder's packet path over a capture, without a network card and without root.",
            "Prints a line for each frame of IN.pcap; writes the frames that would be sent to OUT.pcap.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock replay -c penstock.properties in.pcap out.pcap")
public final class ReplayCommand implements Callable<ExitCode> {
    @Mixin
    private ConfigOptions options = new ConfigOptions();

    @Parameters(index = "0", paramLabel = "IN.pcap", description = "A capture of Ethernet frames, in pcap format.")
    private Path in = Path.of("in.pcap");

    @Parameters(index = "1", paramLabel = "OUT.pcap", description = "Where the frames go that would be sent.")
    private Path out = Path.of("out.pcap");

    @Override
    public ExitCode call() throws Exception {
        PenstockConfig config = options.loadUnprobed().config();
        if (Files.exists(out) && Files.exists(in) && Files.isSameFile(in, out)) {
            throw new CommandException(ExitCode.USAGE, "IN and OUT are the same file, " + in + ": name another OUT");
        }
        Snapshot snapshot = healthy(Snapshots.from(config, 1));
        try (PcapReader reader = new PcapReader(in);
                PcapWriter writer = new PcapWriter(out, reader.hasNanoseconds());
                PrintStream lines = new PrintStream(
                        new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16),
                        false,
                        StandardCharsets.UTF_8)) {
            try {
                new Replay(config, snapshot, lines).run(reader, writer);
            } catch (IOException cut) {
                // What came before is replayed and said.
                lines.flush();
                throw cut;
            }
            if (lines.checkError()) {
                throw new CommandException("the verdicts could not be written to standard output");
            }
        }
        return ExitCode.DONE;
    }

    private static Snapshot healthy(Snapshot snapshot) {
        return new Snapshot(
                snapshot.version(),
                snapshot.listeners().stream()
                        .map(listener -> new Snapshot.Listener(
                                listener.config(),
                                listener.running(),
                                listener.backends().stream()
                                        .map(backend -> new Snapshot.Backend(
                                                backend.config(), Snapshot.Health.UP, backend.admin(), 0, 0))
                                        .toList()))
                        .toList());
    }
}
