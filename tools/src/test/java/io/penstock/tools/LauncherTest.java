package io.penstock.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Drives the launcher in a project of its own, with a JDK and a Maven that only say how they were called.
class LauncherTest {
    private static final List<String> MODULES =
            List.of("flowtable", "control", "forwarder", "sidecar", "tuning", "tools", "bench");

    @TempDir
    private Path home;

    private record Result(int exitCode, String out, String err) {}

    @BeforeEach
    void makeProject() throws IOException {
        Files.createDirectories(home.resolve("tools"));
        Files.copy(Path.of("penstock"), home.resolve("tools/penstock"));
        Files.writeString(home.resolve("pom.xml"), "<project>\n  <version>1.2.3</version>\n</project>\n");
        for (String module : MODULES) {
            Files.createDirectories(home.resolve(module + "/src/main"));
            Files.writeString(home.resolve(module + "/pom.xml"), "");
            Files.writeString(home.resolve(module + "/src/main/A.java"), "");
        }
        script("mvnw", """
                echo built >>builds
                [ ! -e broken ] || { echo '[ERROR] A.java: no'; exit 1; }
                for m in %s; do mkdir -p $m/target/lib; echo >$m/target/$m-1.2.3.jar; done
                [ ! -e slow ] || sleep 0.3
                """.formatted(String.join(" ", MODULES)));
        jdk("jdk", "25.0.3");
    }

    @Test
    void shouldListEveryCommandWithoutAJdk() throws Exception {
        for (List<String> arguments : List.of(List.<String>of(), List.of("--help"))) {
            Result result = run(Map.of("PENSTOCK_JAVA", "/nonexistent"), arguments.toArray(String[]::new));
            assertEquals(0, result.exitCode);
            for (String command :
                    ("demo run forwarder sidecar check import status listeners backends counters top flows explain trace "
                                    + "weight drain undrain start stop replay backend tune bench")
                            .split(" ")) {
                assertTrue(result.out.contains("\n  " + command + " "), command);
            }
            assertTrue(result.out.contains("example: "));
        }
    }

    @Test
    void shouldSayItsVersion() throws Exception {
        assertEquals("penstock 1.2.3\n", run(Map.of(), "--version").out);
    }

    @ParameterizedTest
    @CsvSource({"stats, status", "dome, demo", "backend-s, backends", "benhc, bench", "explane, explain"})
    void shouldNameTheNearestOfAnUnknownCommand(String wrong, String meant) throws Exception {
        Result result = run(Map.of(), wrong);

        assertEquals(2, result.exitCode);
        assertTrue(result.err.contains("'" + wrong + "'") && result.err.contains("'" + meant + "'"), result.err);
        assertEquals(1, result.err.lines().count(), result.err);
    }

    @ParameterizedTest
    @ValueSource(strings = {"/nonexistent", "old", "old/bin/java"})
    void shouldExitWith3InOneLineWithoutASuitableJdk(String java) throws Exception {
        jdk("old", "17.0.15");
        Result result = run(Map.of("PENSTOCK_JAVA", home.resolve(java).toString()), "status");

        assertEquals(3, result.exitCode);
        assertEquals(1, result.err.lines().count(), result.err);
        assertTrue(result.err.contains("25"), result.err);
        assertFalse(Files.exists(home.resolve("builds")));
    }

    @Test
    void shouldSkipAJavaHomeThatIsTooOld() throws Exception {
        jdk("old", "17.0.15");
        jdk("new", "26");
        Result result = run(
                Map.of(
                        "PENSTOCK_JAVA",
                        "",
                        "JAVA_HOME",
                        home.resolve("old").toString(),
                        "PATH",
                        home.resolve("new/bin") + ":/usr/bin:/bin"),
                "status");

        assertEquals(0, result.exitCode, result.err);
        assertTrue(result.out.startsWith("java of new\n"), result.out);
    }

    @ParameterizedTest
    @CsvSource({
        "demo, tools.ToolsMain",
        "run, tools.ToolsMain",
        "check, tools.ToolsMain",
        "import, tools.ToolsMain",
        "status, tools.ToolsMain",
        "counters, tools.ToolsMain",
        "drain, tools.ToolsMain",
        "forwarder, forwarder.ForwarderMain",
        "replay, forwarder.ForwarderMain",
        "flows, forwarder.ForwarderMain",
        "explain, forwarder.ForwarderMain",
        "trace, forwarder.ForwarderMain",
        "backend, forwarder.ForwarderMain",
        "sidecar, sidecar.SidecarMain",
        "tune, tuning.TuningMain",
        "bench, bench.BenchMain",
    })
    void shouldStartTheModuleThatOwnsTheCommand(String command, String main) throws Exception {
        Result result = run(Map.of(), command, "--port", "two words", "");

        assertEquals(0, result.exitCode, result.err);
        String module = main.substring(0, main.indexOf('.'));
        String classPath = "-cp\n%1$s/%2$s/target/%2$s-1.2.3.jar:%1$s/%2$s/target/lib/*\n".formatted(home, module);
        assertTrue(
                result.out.endsWith(classPath + "io.penstock." + main + "\n" + command + "\n--port\ntwo words\n\n"),
                result.out);
    }

    @Test
    void shouldPutTheOperatorsOptionsAfterItsOwn() throws Exception {
        List<String> lines = run(Map.of("PENSTOCK_JAVA_OPTS", "-Xmx2g -Dx=y"), "forwarder")
                .out
                .lines()
                .toList();

        assertTrue(lines.contains("-XX:+UseSerialGC"), lines.toString());
        assertTrue(lines.indexOf("-Xmx2g") > lines.indexOf("-Xmx512m"), lines.toString());
        assertTrue(lines.contains("-Dx=y"), lines.toString());
    }

    @Test
    void shouldBuildWhatIsMissingOrOlderThanItsSources() throws Exception {
        Result first = run(Map.of(), "status");
        assertTrue(first.err.contains("building"), first.err);
        assertEquals(1, builds());

        assertEquals("", run(Map.of(), "status").err);
        assertEquals(1, builds(), "nothing changed");

        touch("control/src/main/A.java");
        assertEquals(0, run(Map.of(), "status").exitCode);
        assertEquals(2, builds(), "a source changed");

        touch("pom.xml");
        assertEquals(0, run(Map.of(), "status").exitCode);
        assertEquals(3, builds(), "the build changed");

        touch("bench/src/main/A.java");
        assertEquals(0, run(Map.of(), "status").exitCode);
        assertEquals(3, builds(), "not a module that status needs");
        assertEquals(0, run(Map.of(), "bench").exitCode);
        assertEquals(4, builds());
    }

    @Test
    void shouldNotBuildWhenToldNotTo() throws Exception {
        Result result = run(Map.of("PENSTOCK_BUILD", "never"), "status");

        assertEquals(1, result.exitCode);
        assertEquals(1, result.err.lines().count(), result.err);
        assertEquals(0, builds());
    }

    @Test
    void shouldNeverBuildAnInstalledPackage() throws Exception {
        assertEquals(0, run(Map.of(), "status").exitCode);
        Files.delete(home.resolve("pom.xml"));
        for (String module : MODULES) {
            Files.delete(home.resolve(module + "/pom.xml"));
        }

        assertEquals(0, run(Map.of(), "status").exitCode);
        assertEquals("penstock 1.2.3\n", run(Map.of(), "--version").out);
        assertEquals(1, builds());
    }

    @Test
    void shouldStartFromAPackageWithItsOwnRuntime() throws Exception {
        Files.delete(home.resolve("pom.xml"));
        Files.createDirectories(home.resolve("lib"));
        for (String jar : List.of("tools-1.2.3.jar", "control-1.2.3.jar", "penstock.jsa")) {
            Files.writeString(home.resolve("lib/" + jar), "");
        }
        jdk("runtime", "25.0.3");
        Result result = run(Map.of("PENSTOCK_JAVA", ""), "status");

        assertEquals(0, result.exitCode, result.err);
        assertTrue(result.out.startsWith("java of runtime\n"), result.out);
        // All jars by name, in one order: the archive of classes holds for just that.
        assertTrue(
                result.out.endsWith("-cp\n%1$s/lib/control-1.2.3.jar:%1$s/lib/tools-1.2.3.jar\n%2$s\nstatus\n"
                        .formatted(home, "io.penstock.tools.ToolsMain")),
                result.out);
        assertTrue(result.out.contains("-XX:SharedArchiveFile=" + home + "/lib/penstock.jsa\n"), result.out);
        assertEquals("penstock 1.2.3\n", run(Map.of(), "--version").out);
        assertEquals(3, run(Map.of("PENSTOCK_JAVA", ""), "bench").exitCode);
        assertEquals(0, builds());
    }

    @Test
    void shouldLetOneOfTwoCallsBuild() throws Exception {
        Files.writeString(home.resolve("slow"), "");
        Process one = start(Map.of(), home, "tools/penstock", "status");
        Process other = start(Map.of(), home, "tools/penstock", "status");

        assertEquals(0, finish(one).exitCode);
        assertEquals(0, finish(other).exitCode);
        assertEquals(1, builds());
    }

    @Test
    void shouldShowWhyTheBuildFailed() throws Exception {
        Files.writeString(home.resolve("broken"), "");
        Result result = run(Map.of(), "status");

        assertEquals(1, result.exitCode);
        assertTrue(result.err.contains("A.java: no"), result.err);
        assertTrue(result.err.contains("build.log"), result.err);
    }

    @Test
    void shouldWorkThroughASymlinkFromAnyFolder() throws Exception {
        Path link = home.resolve("link");
        Files.createSymbolicLink(link, home.resolve("tools/penstock"));
        Result result = finish(start(Map.of(), Path.of("/"), link.toString(), "status"));

        assertEquals(0, result.exitCode, result.err);
        assertEquals(1, builds());
    }

    @Test
    void shouldPleaseShellcheck() throws Exception {
        Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/bin/shellcheck")), "shellcheck is not installed");
        Result result = finish(start(Map.of(), home, "/usr/bin/shellcheck", "tools/penstock"));

        assertEquals("", result.out);
        assertEquals(0, result.exitCode);
    }

    private Result run(Map<String, String> environment, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("tools/penstock"));
        command.addAll(List.of(arguments));
        return finish(start(environment, home, command.toArray(String[]::new)));
    }

    private Process start(Map<String, String> environment, Path folder, String... command) throws IOException {
        List<String> whole = new ArrayList<>(List.of(command));
        if (whole.getFirst().equals("tools/penstock")) {
            whole.set(0, home.resolve("tools/penstock").toString());
        }
        ProcessBuilder builder = new ProcessBuilder(whole).directory(folder.toFile());
        builder.environment().keySet().removeIf(key -> key.startsWith("PENSTOCK_") || key.startsWith("SUDO_"));
        builder.environment().put("PENSTOCK_JAVA", home.resolve("jdk").toString());
        builder.environment().putAll(environment);
        return builder.start();
    }

    private static Result finish(Process process) throws Exception {
        // Both streams are short enough for their pipes.
        assertTrue(process.waitFor(30, TimeUnit.SECONDS));
        return new Result(
                process.exitValue(),
                new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8),
                new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8));
    }

    private void jdk(String name, String version) throws IOException {
        Files.createDirectories(home.resolve(name + "/bin"));
        Files.writeString(home.resolve(name + "/release"), "IMPLEMENTOR=\"X\"\nJAVA_VERSION=\"" + version + "\"\n");
        script(name + "/bin/java", "echo java of " + name + "\nprintf '%s\\n' \"$@\"\n");
    }

    private void script(String name, String text) throws IOException {
        Path file = home.resolve(name);
        Files.writeString(file, "#!/bin/sh\n" + text);
        assertTrue(file.toFile().setExecutable(true));
    }

    private void touch(String name) throws IOException {
        Files.setLastModifiedTime(home.resolve(name), FileTime.from(Instant.now()));
    }

    private long builds() throws IOException {
        Path file = home.resolve("builds");
        return Files.exists(file) ? Files.readAllLines(file).size() : 0;
    }
}
