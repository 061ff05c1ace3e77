package io.penstock.bench.wire;

import io.penstock.forwarder.linux.FrameSink;
import java.io.IOException;
import java.util.Optional;

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

    /// {@return where what it sends back is to be counted}
    default FrameSink.Place sinkPlace() {
        return FrameSink.Place.TC;
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
        /// It is measured from here on: gives it its CPU.
        default void settle() throws IOException {}

        /// {@return how often its JVM stopped it since then, where it has one}
        default Optional<JvmStops> stops() throws IOException {
            return Optional.empty();
        }

        @Override
        void close() throws IOException;
    }
}
