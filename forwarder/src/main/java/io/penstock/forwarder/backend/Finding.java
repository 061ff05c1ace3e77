package io.penstock.forwarder.backend;

import io.penstock.control.config.Keyword;

/// Something that was looked at on a backend host.
///
/// @param what   in words, as it is
/// @param remedy what mends it; empty where nothing is to be mended
record Finding(State state, String what, String remedy) {
    /// How it is.
    enum State implements Keyword {
        /// As it has to be.
        OK,
        /// Not as it has to be: packets would be lost, or the VIP taken away from the balancer.
        MISSING,
        /// It works, but the operator should know.
        NOTE
    }

    static Finding ok(String what) {
        return new Finding(State.OK, what, "");
    }

    static Finding missing(String what, String remedy) {
        return new Finding(State.MISSING, what, remedy);
    }

    static Finding note(String what, String remedy) {
        return new Finding(State.NOTE, what, remedy);
    }

    String text() {
        return "%-8s %s%s".formatted(state.text(), what, remedy.isEmpty() ? "" : ": " + remedy);
    }
}
