package io.penstock.tools.convert;

import picocli.CommandLine.Command;

/// `penstock import`.
@Command(
        name = "import",
        description = "Turns the configuration of another balancer into a properties file.",
        subcommands = ImportKeepalivedCommand.class)
public final class ImportCommand {}
