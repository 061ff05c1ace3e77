package io.penstock.control.cli;

import io.penstock.control.config.ConfigException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;

/// Runs a command of any module: the same options, exit codes and error lines everywhere.
///
/// A command is a `Callable<Integer>` or `Callable<ExitCode>` with picocli's annotations; [CommonOptions] are
/// added here. Its help ends with an example:
/// `footerHeading = CommandRunner.EXAMPLE, footer = "  penstock status --json"`.
public final class CommandRunner {
    /// Heading of the examples at the end of each command's help.
    public static final String EXAMPLE = "%nExample:%n";

    static final String VERBOSE = "--verbose";

    private CommandRunner() {}

    /// Runs a command.
    ///
    /// @return the exit status
    public static int run(Object command, String... args) {
        try {
            return prepare(command, args).execute(args);
        } catch (OutOfMemoryError e) {
            System.err.println("penstock: out of memory: set a larger -Xmx in PENSTOCK_JAVA_OPTS, as -Xmx2g");
            return ExitCode.FAILED.status();
        }
    }

    /// {@return the command line of `command`, set up but not run; for tests that look at the output}
    public static CommandLine prepare(Object command, String... args) {
        CommandLine line = new CommandLine(command);
        addCommonOptions(line);
        boolean verbose = Arrays.asList(args).contains(VERBOSE) || System.getenv("PENSTOCK_DEBUG") != null;
        line.setColorScheme(CommandLine.Help.defaultColorScheme(Terminal.isColoured() ? Ansi.ON : Ansi.OFF));
        line.setUsageHelpAutoWidth(false);
        line.setUsageHelpWidth(100);
        line.setParameterExceptionHandler((wrong, _) -> usage(wrong));
        line.setExecutionExceptionHandler((failure, failed, _) ->
                report(failure, failed.getErr(), verbose).status());
        line.setExitCodeExceptionMapper(failure -> exitCode(failure).status());
        mapExitCodes(line);
        return line;
    }

    /// Gives each command its `--help`, unless it has brought the options itself.
    private static void addCommonOptions(CommandLine line) {
        if (line.getCommandSpec().findOption("--help") == null) {
            line.addMixin("common", new CommonOptions());
        }
        line.getSubcommands().values().forEach(CommandRunner::addCommonOptions);
    }

    private static void mapExitCodes(CommandLine line) {
        line.setExecutionStrategy(parsed -> {
            int status = new CommandLine.RunLast().execute(parsed);
            CommandLine last = parsed.commandSpec().commandLine();
            CommandLine.ParseResult result = parsed;
            while (result.hasSubcommand()) {
                result = result.subcommand();
                last = result.commandSpec().commandLine();
            }
            return last.getExecutionResult() instanceof ExitCode code ? code.status() : status;
        });
    }

    private static int usage(CommandLine.ParameterException wrong) {
        CommandLine line = wrong.getCommandLine();
        PrintWriter err = line.getErr();
        err.println(name(line) + ": " + firstLine(wrong.getMessage()));
        if (wrong instanceof CommandLine.UnmatchedArgumentException unmatched) {
            List<String> near = new ArrayList<>(unmatched.getSuggestions());
            if (!near.isEmpty()) {
                err.println("did you mean: " + String.join(", ", near.subList(0, Math.min(3, near.size()))) + "?");
            }
        }
        err.println("try: " + name(line) + " --help");
        return ExitCode.USAGE.status();
    }

    /// Says in one line what went wrong; a configuration's problems get a line each.
    ///
    /// @return the exit code that it means
    public static ExitCode report(Throwable failure, PrintWriter err, boolean verbose) {
        Throwable cause = unwrap(failure);
        if (cause instanceof ConfigException config) {
            config.problems().forEach(problem -> err.println(problem.text()));
        } else {
            err.println("penstock: " + describe(cause));
        }
        if (verbose) {
            failure.printStackTrace(err);
        }
        err.flush();
        return exitCode(cause);
    }

    private static ExitCode exitCode(Throwable failure) {
        Throwable cause = unwrap(failure);
        if (cause instanceof CommandException command) {
            return command.exitCode();
        }
        if (cause instanceof ConfigException || cause instanceof CommandLine.ParameterException) {
            return ExitCode.USAGE;
        }
        boolean lacks = cause instanceof HostLacksException || cause instanceof AccessDeniedException;
        return lacks ? ExitCode.HOST_LACKS : ExitCode.FAILED;
    }

    private static Throwable unwrap(Throwable failure) {
        Throwable cause = failure;
        while (cause.getCause() != null
                && (cause instanceof UncheckedIOException
                        || cause instanceof CompletionException
                        || cause instanceof ExecutionException
                        || cause instanceof CommandLine.ExecutionException)) {
            cause = cause.getCause();
        }
        return cause;
    }

    private static String describe(Throwable cause) {
        if (cause instanceof FileSystemException file && file.getReason() == null) {
            // Their message is the bare file name.
            String kind = switch (file) {
                case NoSuchFileException _ -> "no such file";
                case AccessDeniedException _ -> "permission denied; run as root";
                default -> file.getClass().getSimpleName();
            };
            return file.getFile() + ": " + kind;
        }
        String message = cause.getMessage();
        boolean ours = cause instanceof CommandException
                || cause instanceof HostLacksException
                || cause instanceof IOException
                || cause instanceof CommandLine.ParameterException;
        if (ours && message != null) {
            return firstLine(message);
        }
        return cause.getClass().getSimpleName() + (message == null ? "" : ": " + firstLine(message)) + " (" + VERBOSE
                + " or PENSTOCK_DEBUG=1 shows where)";
    }

    private static String firstLine(@org.jspecify.annotations.Nullable String message) {
        return message == null ? "" : message.strip().lines().findFirst().orElse("");
    }

    private static String name(CommandLine line) {
        String name = line.getCommandSpec().qualifiedName();
        return name.startsWith("penstock") ? name : "penstock " + name;
    }

    /// {@return the names of commands whose help shows no example; a test of each module asserts that there are none}
    public static List<String> withoutExample(Object command) {
        List<String> names = new ArrayList<>();
        collect(new CommandLine(command), names);
        return names;
    }

    private static void collect(CommandLine line, List<String> names) {
        String[] footer = line.getCommandSpec().usageMessage().footer();
        boolean isProgram = line.getParent() == null && !line.getSubcommands().isEmpty(); // its help is the launcher's
        if (!isProgram && footer.length == 0) {
            names.add(line.getCommandSpec().qualifiedName());
        }
        line.getSubcommands().values().forEach(sub -> collect(sub, names));
    }
}
