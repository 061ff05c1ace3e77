package io.penstock.tuning;

import io.penstock.control.cli.CommandRunner;
import picocli.CommandLine.Command;

/// `penstock tune`.
@Command(
        name = "tune",
        description = {
            "Looks at what a forwarder asks of its host: NIC queues, receive-side scaling, interrupts, offloads, kernel "
                    + "settings, huge pages, CPUs. Each finding says what is, what is better, what it costs as it is, and "
                    + "the command that mends it.",
        },
        subcommands = {
            TuneApplyCommand.class,
            TuneCheckCommand.class,
            TunePlanCommand.class,
            TuneUndoCommand.class,
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  sudo penstock tune check")
public final class TuneCommand {}
