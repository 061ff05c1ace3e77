package io.penstock.control.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.ConfigLoader;
import io.penstock.control.runtime.RuntimeFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

class CommandRunnerTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @TempDir
    Path base;

    @Command(
            name = "penstock",
            subcommands = {Fails.class, Looks.class, Silent.class})
    static final class Main {}

    @Command(name = "fails", footerHeading = CommandRunner.EXAMPLE, footer = "  penstock fails io")
    static final class Fails implements Callable<ExitCode> {
        @Mixin
        @SuppressWarnings("UnusedVariable") // picocli fills it in.
        private CommonOptions common = new CommonOptions();

        @Parameters(index = "0")
        private String how = "";

        @Override
        public ExitCode call() throws Exception {
            switch (how) {
                case "not" -> {
                    return ExitCode.DONE;
                }
                case "softly" -> {
                    return ExitCode.FAILED;
                }
                case "config" -> ConfigLoader.parse("instance=?\nforwarder.bach=1\n", "f.properties");
                case "host" -> throw new HostLacksException("AF_XDP is not in this kernel", "use --port packet");
                case "denied" -> throw new AccessDeniedException("/run/penstock");
                case "io" -> throw new IOException("the disk is full");
                case "missing" -> throw new UncheckedIOException(new NoSuchFileException("a.pcap"));
                case "command" -> throw new CommandException("no listener web; there is: dns");
                default -> throw new IllegalStateException("our own bug");
            }
            return ExitCode.DONE;
        }
    }

    @Command(name = "looks", footerHeading = CommandRunner.EXAMPLE, footer = "  penstock looks")
    static final class Looks implements Callable<ExitCode> {
        @Mixin
        private InstanceOptions options = new InstanceOptions();

        @CommandLine.Spec
        private CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

        @Override
        public ExitCode call() {
            spec.commandLine().getOut().println(options.folder().instance());
            spec.commandLine().getOut().println(options.snapshot().isPresent());
            options.openStatus().close();
            return ExitCode.DONE;
        }
    }

    @Command(name = "silent")
    static final class Silent implements Callable<ExitCode> {
        @Override
        public ExitCode call() {
            return ExitCode.DONE;
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            not     | 0 |
            softly  | 1 |
            host    | 3 | penstock: AF_XDP is not in this kernel: use --port packet
            denied  | 3 | penstock: /run/penstock: permission denied; run as root
            io      | 1 | penstock: the disk is full
            missing | 1 | penstock: a.pcap: no such file
            command | 1 | penstock: no listener web; there is: dns
            bug     | 1 | penstock: IllegalStateException: our own bug (--verbose or PENSTOCK_DEBUG=1 shows where)
            """)
    void shouldEndWithAStatusAndOneLine(String how, int status, String line) {
        assertEquals(status, run("fails", how));
        assertEquals(line == null ? "" : line + "\n", err.toString());
    }

    @Test
    void shouldTellEveryProblemOfAConfiguration() {
        assertEquals(2, run("fails", "config"));
        assertEquals(2, err.toString().lines().count());
        assertTrue(err.toString().startsWith("f.properties:1: instance: "), err.toString());
    }

    @Test
    void shouldShowWhereABugIsOnRequest() {
        assertEquals(1, run("fails", "--verbose", "bug"));
        assertTrue(err.toString().contains("\tat "), err.toString());
    }

    @ParameterizedTest
    @CsvSource({"fails", "fails a b", "nonsense", "fails --nonsense x"})
    void shouldRefuseWrongUsage(String arguments) {
        assertEquals(2, run(arguments.split(" ")));
        assertTrue(err.toString().startsWith("penstock"), err.toString());
        assertTrue(err.toString().contains("--help"), err.toString());
    }

    @Test
    void shouldHelpWithoutColour() {
        assertEquals(0, run("fails", "--help"));
        assertTrue(out.toString().contains("Example:\n  penstock fails io\n"), out.toString());
        assertFalse(out.toString().contains("\u001b"), out.toString());
        assertEquals(List.of("penstock silent"), CommandRunner.withoutExample(new Main()));
    }

    @Test
    void shouldFindTheInstance() throws IOException {
        assertEquals(1, run("looks", "--runtime-dir", base.toString()));
        assertTrue(err.toString().contains("no instance default"), err.toString());

        RuntimeFolder.create(base, "edge1");
        assertEquals(1, run("looks", "--runtime-dir", base.toString()));
        assertTrue(out.toString().startsWith("edge1\nfalse\n"), "the only one there is: " + out);
        assertTrue(err.toString().contains("its forwarder never ran"), err.toString());

        RuntimeFolder.create(base, "edge2");
        assertEquals(1, run("looks", "--runtime-dir", base.toString(), "--instance", "edge3"));
        assertTrue(err.toString().contains("there is: edge1, edge2; choose with --instance"), err.toString());
    }

    private int run(String... args) {
        CommandLine line = CommandRunner.prepare(new Main(), args);
        line.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true));
        return line.execute(args);
    }
}
