package io.penstock.tools.convert;

import io.penstock.control.cli.CommandRunner;
import picocli.CommandLine.Command;

/// `penstock import`.
@Command(
        name = "import",
        description = "Turns the configuration of another balancer into a properties file.",
        subcommands = ImportKeepalivedCommand.class,
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock import keepalived /etc/keepalived/keepalived.conf > penstock.properties")
public final class ImportCommand {}
