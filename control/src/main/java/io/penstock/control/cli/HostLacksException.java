package io.penstock.control.cli;

/// The host lacks a privilege, a kernel feature or a program. Ends a command with status 3 and one line.
public final class HostLacksException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /// @param lacking what is missing, with the name that the host knows it by
    /// @param remedy  what to do about it
    public HostLacksException(String lacking, String remedy) {
        super(lacking + ": " + remedy);
    }

    /// @param lacking what is missing, with the name that the host knows it by
    /// @param remedy  what to do about it
    /// @param cause   how it was found out
    public HostLacksException(String lacking, String remedy, Throwable cause) {
        super(lacking + ": " + remedy, cause);
    }
}
