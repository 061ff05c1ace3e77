package io.penstock.tools.look;

import io.penstock.control.cli.InstanceOptions;
import io.penstock.control.cli.JsonOption;
import io.penstock.control.cli.Terminal;
import io.penstock.control.cli.Units;
import io.penstock.control.status.StatusJson;
import io.penstock.control.status.StatusReader;
import io.penstock.control.status.StatusView;
import java.io.PrintWriter;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// Options of every command that looks at an instance, and what follows from them. Add it as a mixin.
final class Look {
    @Mixin
    private InstanceOptions instance = new InstanceOptions();

    @Mixin
    private JsonOption json = new JsonOption();

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command = CommandSpec.create();

    /// {@return the status file of the instance; the caller closes it}
    StatusReader open() {
        return instance.openStatus();
    }

    /// {@return the instance at this moment}
    StatusView view(StatusReader reader) {
        return StatusView.of(reader, instance.snapshot().orElse(null));
    }

    /// {@return the instance at this moment; says so on standard error when it does not run}
    StatusView viewOnce() {
        try (StatusReader reader = open()) {
            StatusView view = view(reader);
            if (!view.alive()) {
                long sinceMs = System.currentTimeMillis() - Math.max(reader.stoppedMs(), reader.heartbeatMs());
                err().println("penstock: the forwarder of instance " + view.instance() + " is not running since "
                        + Units.duration(Math.max(0, sinceMs)) + "; this is what it left");
            }
            return view;
        }
    }

    boolean isJson() {
        return json.json();
    }

    PrintWriter out() {
        return command.commandLine().getOut();
    }

    PrintWriter err() {
        return command.commandLine().getErr();
    }

    /// Prints a line of JSON.
    void print(StatusJson.Writer writer) {
        out().println(StatusJson.text(writer));
    }

    /// Prints a page for people.
    void print(List<String> lines) {
        lines.forEach(out()::println);
    }

    /// {@return columns of the terminal}
    static int width() {
        return Terminal.width();
    }
}
