package io.penstock.bench.wire;

import java.io.IOException;

/// Something that forwards frames from the forwarder's interface back to it.
public interface Subject {
    /// {@return `penstock`, `c`, `testpmd`, ...}
    String name();

    /// {@return what it does to a frame: `dr`, `ipip`, `swap`, ...}
    String testCase();

    /// {@return `xdp`, `packet`, or nothing where the kernel forwards}
    String port();

    /// {@return `epoll`, `io_uring` or nothing}
    default String transport() {
        return "";
    }

    /// {@return why this host cannot run it, or nothing}
    default String missing() {
        return "";
    }

    /// Starts it in the forwarder's namespace, on the forwarder's CPU.
    ///
    /// @return ends it
    /// @throws IOException when it does not start, with the reason
    Running start(BenchNetwork network) throws IOException;

    /// {@return what tells it from the others}
    default String label() {
        return String.join(" ", name(), port(), transport(), testCase())
                .replaceAll(" +", " ")
                .strip();
    }

    /// A subject at work.
    interface Running extends AutoCloseable {
        @Override
        void close() throws IOException;
    }
}
