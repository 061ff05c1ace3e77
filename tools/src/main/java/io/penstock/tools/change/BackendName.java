package io.penstock.tools.change;

import picocli.CommandLine.Parameters;

/// `LISTENER BACKEND` of a command line. Add it as a mixin.
final class BackendName {
    @Parameters(index = "0", paramLabel = "LISTENER", description = "Name of the listener.")
    private String listener = "";

    @Parameters(index = "1", paramLabel = "BACKEND", description = "Id of the backend in the listener's pool.")
    private String backend = "";

    /// {@return the API's path}
    String path() {
        return Change.backend(listener, backend);
    }

    /// {@return `LISTENER/BACKEND`}
    String text() {
        return listener + "/" + backend;
    }
}
