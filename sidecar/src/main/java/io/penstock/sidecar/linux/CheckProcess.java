package io.penstock.sidecar.linux;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A program of the operator's that runs as a session and process group of its own, so that it can be ended with all it
/// started, and without our privileges.
///
/// `setsid(1)` makes the group; `setpriv(1)` gives up what we may do: as root it becomes user and group 65534 (nobody)
/// with no capability, and in any case nothing it executes can gain privileges. Both belong to util-linux and become
/// the program by `exec`, so that the process we hold is the program itself.
public final class CheckProcess {
    private static final int SIGKILL = 9;
    private static final String NOBODY = "65534";

    private final Process process;

    private CheckProcess(Process process) {
        this.process = process;
    }

    /// Starts a program with empty input and its output thrown away.
    ///
    /// @param command     the program and its arguments
    /// @param environment all that it sees, beside a plain `PATH`
    /// @throws IOException where it cannot be started at all
    public static CheckProcess start(List<String> command, Map<String, String> environment) throws IOException {
        List<String> line = new ArrayList<>(List.of(tool("setsid"), tool("setpriv"), "--no-new-privs"));
        if (Libc.geteuid() == 0) {
            line.addAll(List.of(
                    "--reuid=" + NOBODY,
                    "--regid=" + NOBODY,
                    "--clear-groups",
                    "--inh-caps=-all",
                    "--ambient-caps=-all",
                    "--bounding-set=-all"));
        }
        line.add("--");
        line.addAll(command);
        ProcessBuilder builder = new ProcessBuilder(line)
                .directory(new File("/"))
                .redirectInput(new File("/dev/null"))
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().clear();
        builder.environment().put("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        builder.environment().putAll(environment);
        return new CheckProcess(builder.start());
    }

    /// {@return the running program}
    public Process process() {
        return process;
    }

    /// Ends the program and everything it started in its group.
    public void kill() {
        // Its group carries its own process id. Before setsid(2) ran there is no such group, and the process is alone.
        Libc.kill(-Math.toIntExact(process.pid()), SIGKILL);
        process.destroyForcibly();
    }

    private static String tool(String name) throws IOException {
        @Nullable String found = null;
        for (String folder : List.of("/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/")) {
            if (found == null && Files.isExecutable(Path.of(folder + name))) {
                found = folder + name;
            }
        }
        if (found == null) {
            throw new IOException(
                    name + " is not installed (package util-linux): a script check would run with our privileges");
        }
        return found;
    }
}
