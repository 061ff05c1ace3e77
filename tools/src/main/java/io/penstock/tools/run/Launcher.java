package io.penstock.tools.run;

import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Where `tools/penstock` is, so that a command can start another one as an operator would.
public final class Launcher {
    private Launcher() {}

    /// {@return the launcher that started us; without one, that of the folder our classes come from}
    ///
    /// @throws IllegalStateException when there is none
    public static Path path() {
        String home = System.getenv("PENSTOCK_HOME");
        if (home != null) {
            return Path.of(home, "tools", "penstock");
        }
        try {
            Path from = Path.of(Launcher.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
            for (@Nullable Path folder = from; folder != null; folder = folder.getParent()) {
                if (Files.isExecutable(folder.resolve("tools/penstock"))) {
                    return folder.resolve("tools/penstock");
                }
            }
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
        throw new IllegalStateException(
                "tools/penstock is not found; set PENSTOCK_HOME to the folder that holds tools");
    }
}
