package io.penstock.control.config;

/// `listener.NAME.on-backend-down`: what becomes of the TCP flows of a backend that failed its checks; UDP flows always
/// move.
public enum OnBackendDown implements Keyword {
    /// They stay.
    KEEP,
    /// They go to another backend.
    RESCHEDULE,
    /// The client gets a RST on its next packet.
    RESET,
}
