package io.penstock.forwarder.backend;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.JsonOption;
import io.penstock.control.status.StatusJson;
import io.penstock.forwarder.linux.Decapsulator.Counter;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `penstock backend`: run on a backend host.
@Command(
        name = "backend",
        description = {
            "Makes this host a backend: VIPs on the loopback, no answer to neighbours who ask for them,",
            "tunnels from the balancer opened. docs/backends.md says what is changed.",
        },
        subcommands = {BackendCommand.Install.class, BackendCommand.Check.class, BackendCommand.Remove.class},
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  sudo penstock backend install --vip 203.0.113.10 --decap ipip")
public final class BackendCommand implements Runnable {
    @Spec
    private CommandSpec command = CommandSpec.create();

    @Override
    public void run() {
        throw new ParameterException(command.commandLine(), "install, check or remove is expected");
    }

    /// `penstock backend install`.
    @Command(
            name = "install",
            description = {
                "Puts VIPs on the loopback, keeps quiet about them and opens tunnels for them.",
                "What is installed already stays.",
                "Lasts until remove or a restart of the host.",
            },
            footerHeading = CommandRunner.EXAMPLE,
            footer = "  sudo penstock backend install --vip 203.0.113.10,2001:db8::10 --decap gue")
    static final class Install implements Callable<ExitCode> {
        @Mixin
        private BackendOptions options = new BackendOptions();

        /// What was done, and how the host is afterwards.
        private record Installed(List<String> done, List<Finding> findings) {}

        @Override
        public ExitCode call() throws Exception {
            Installed installed = options.run(true, (host, wish) -> {
                host.install(wish);
                return new Installed(host.done(), host.check(wish));
            });
            PrintWriter out = options.command().commandLine().getOut();
            installed.done.forEach(out::println);
            if (installed.done.isEmpty()) {
                out.println("all is installed already");
            }
            // What install does not mend by itself, since it is the host's and not the VIPs'.
            PrintWriter err = options.command().commandLine().getErr();
            installed.findings.stream()
                    .filter(finding -> finding.state() == Finding.State.MISSING)
                    .forEach(finding -> err.println(finding.text()));
            return ExitCode.DONE;
        }
    }

    /// `penstock backend check`.
    @Command(
            name = "check",
            description = {
                "Says what is missing, with what mends it, and what the decapsulator counted.",
                "Exit status 1 when something is missing.",
            },
            footerHeading = CommandRunner.EXAMPLE,
            footer = "  sudo penstock backend check --vip 203.0.113.10 --decap ipip")
    static final class Check implements Callable<ExitCode> {
        @Mixin
        private BackendOptions options = new BackendOptions();

        @Mixin
        private JsonOption json = new JsonOption();

        /// What was found, and what was counted.
        private record Result(List<Finding> findings, Map<Counter, Long> counters) {
            boolean complete() {
                return findings.stream().noneMatch(finding -> finding.state() == Finding.State.MISSING);
            }
        }

        @Override
        public ExitCode call() throws Exception {
            Result result = options.run(false, (host, wish) -> new Result(host.check(wish), host.counters()));
            PrintWriter out = options.command().commandLine().getOut();
            if (json.json()) {
                out.println(text(result));
            } else {
                result.findings.forEach(finding -> out.println(finding.text()));
                result.counters.forEach((counter, count) -> out.println("counted  " + counter.text() + " " + count));
            }
            return result.complete() ? ExitCode.DONE : ExitCode.FAILED;
        }

        private static String text(Result result) {
            return StatusJson.text(json -> {
                json.writeStartObject();
                json.writeBooleanField("complete", result.complete());
                json.writeArrayFieldStart("findings");
                for (Finding finding : result.findings) {
                    json.writeStartObject();
                    json.writeStringField("state", finding.state().text());
                    json.writeStringField("what", finding.what());
                    json.writeStringField("remedy", finding.remedy());
                    json.writeEndObject();
                }
                json.writeEndArray();
                json.writeObjectFieldStart("counters");
                for (Map.Entry<Counter, Long> counted : result.counters.entrySet()) {
                    json.writeNumberField(counted.getKey().text(), counted.getValue());
                }
                json.writeEndObject();
                json.writeEndObject();
            });
        }
    }

    /// `penstock backend remove`.
    @Command(
            name = "remove",
            description = {
                "Takes VIPs away, and with the last one all that install changed, back to what was before.",
                "--decap and --interface may be given as to install; a VIP always goes with its tunnels.",
            },
            footerHeading = CommandRunner.EXAMPLE,
            footer = "  sudo penstock backend remove --vip 203.0.113.10")
    static final class Remove implements Callable<ExitCode> {
        @Mixin
        private BackendOptions options = new BackendOptions();

        @Override
        public ExitCode call() throws Exception {
            List<String> done = options.run(false, (host, wish) -> {
                host.remove(wish.vips());
                return host.done();
            });
            done.forEach(options.command().commandLine().getOut()::println);
            return ExitCode.DONE;
        }
    }
}
