package io.penstock.control.runtime;

import java.io.IOException;

/// The instance already has such a process.
public final class AlreadyRunningException extends IOException {
    private static final long serialVersionUID = 1;

    private final long pid;

    AlreadyRunningException(String role, RuntimeFolder folder, long pid) {
        super("instance " + folder.instance() + " already has a " + role + (pid > 0 ? ", pid " + pid : "") + ", in "
                + folder.path() + "; stop that one, or name another instance");
        this.pid = pid;
    }

    /// {@return the process that owns the instance, or 0 when it did not say}
    public long pid() {
        return pid;
    }
}
