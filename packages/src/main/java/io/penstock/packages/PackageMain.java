package io.penstock.packages;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import picocli.AutoComplete;
import picocli.CommandLine;

/// Writes man pages and shell completion, then has `packages/assemble` make the packages with the JDK that runs this.
public final class PackageMain {
    private PackageMain() {}

    /// @param args the folder of this module, and the version
    public static void main(String[] args) throws IOException, InterruptedException {
        Path module = Path.of(args[0]);
        String version = args[1];
        write(module.resolve("target"), version);
        ProcessBuilder assemble = new ProcessBuilder(module.resolve("assemble").toString(), version).inheritIO();
        assemble.environment().put("JAVA_HOME", System.getProperty("java.home", ""));
        System.exit(assemble.start().waitFor());
    }

    /// Writes `man/*` and `completion/penstock` into a folder.
    static void write(Path target, String version) throws IOException {
        CommandLine root = AllCommands.build();
        Path pages = Files.createDirectories(target.resolve("man"));
        for (Map.Entry<String, String> page : new ManPages(version).pages(root).entrySet()) {
            Files.writeString(pages.resolve(page.getKey()), page.getValue());
        }
        Path completion = Files.createDirectories(target.resolve("completion"));
        Files.writeString(completion.resolve("penstock"), AutoComplete.bash("penstock", root));
    }
}
