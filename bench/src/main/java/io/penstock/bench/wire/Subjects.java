package io.penstock.bench.wire;

import io.penstock.bench.peer.CPrograms;
import io.penstock.bench.report.Report;
import io.penstock.control.cli.HostLacksException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Who is measured.
public final class Subjects {
    private Subjects() {}

    /// {@return the forwarder on each port and transport}
    ///
    /// @param idle     its `forwarder.idle`
    /// @param flowRoom its `forwarder.flows`
    public static List<Subject> forwarders(String idle, long flowRoom) {
        List<Subject> all = new ArrayList<>();
        for (String port : List.of("xdp", "packet")) {
            for (String transport : List.of("epoll", "io_uring")) {
                all.add(new ForwarderSubject(port, transport, "dr", idle, flowRoom));
            }
        }
        return all;
    }

    /// {@return a program in the kernel that swaps MAC addresses}
    public static Subject xdpProgram() {
        return new Peers.XdpProgram();
    }

    /// {@return all peers but the loops in C}
    static List<Subject> others() {
        return List.of(
                new Peers.Testpmd("xdp"),
                new Peers.Testpmd("packet"),
                new Peers.XdpProgram(),
                new Peers.Nftables(),
                new Peers.LinuxRouting());
    }

    /// {@return those that this host can run and the user wants; why not is said for the others}
    ///
    /// @param only what the label must match
    public static List<Subject> usable(Report report, Pattern only, List<Subject> all) {
        List<Subject> usable = new ArrayList<>();
        for (Subject subject : all) {
            if (only.matcher(subject.label()).find()) {
                String missing = subject.missing();
                if (missing.isEmpty()) {
                    usable.add(subject);
                } else {
                    report.missing(subject.label(), missing);
                }
            }
        }
        return usable;
    }

    /// The loops in C, if there is a compiler.
    public static final class Compiled implements AutoCloseable {
        private final @Nullable CPrograms programs;

        private Compiled(@Nullable CPrograms programs) {
            this.programs = programs;
        }

        /// {@return the compiler's work to come}
        public static Compiled of(Report report) {
            try {
                return new Compiled(CPrograms.open());
            } catch (HostLacksException e) {
                report.missing("c", String.valueOf(e.getMessage()));
                return new Compiled(null);
            }
        }

        /// {@return a loop for each port}
        public List<Subject> loops() {
            return programs == null
                    ? List.of()
                    : List.of(
                            new Peers.Child("c", "xdp", programs.compile("xdp_swap")),
                            new Peers.Child("c", "packet", programs.compile("packet_swap")));
        }

        @Override
        public void close() {
            if (programs != null) {
                programs.close();
            }
        }
    }
}
