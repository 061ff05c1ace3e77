package io.penstock.architecture;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// The compiled classes of all modules, read once.
final class Product {
    static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    /// The modules, those first that know nothing of the others.
    static final List<String> MODULES =
            List.of("flowtable", "control", "forwarder", "sidecar", "tuning", "tools", "bench");

    static final JavaClasses CLASSES = read();

    private Product() {}

    private static JavaClasses read() {
        List<Path> folders = MODULES.stream()
                .map(module -> ROOT.resolve(module).resolve("target").resolve("classes"))
                .toList();
        for (Path folder : folders) {
            if (!Files.isDirectory(folder)) {
                throw new IllegalStateException(folder + " is missing; compile first: ./mvnw -q -Dfast test-compile");
            }
        }
        return new ClassFileImporter().importPaths(folders);
    }
}
