package io.penstock.tools;

import io.penstock.control.cli.CommandRunner;
import java.io.PrintWriter;
import java.io.StringWriter;
import picocli.CommandLine;

/// Runs a command as the launcher does, in this JVM, and keeps what it wrote.
///
/// @param exitCode of the command
/// @param out      standard output
/// @param err      standard error
public record Console(int exitCode, String out, String err) {
    /// Runs `penstock ARGUMENTS`.
    public static Console run(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine line = CommandRunner.prepare(new ToolsMain(), arguments);
        line.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true));
        int exitCode = line.execute(arguments);
        return new Console(exitCode, out.toString(), err.toString());
    }
}
