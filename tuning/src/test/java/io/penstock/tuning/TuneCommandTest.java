package io.penstock.tuning;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.config.ConfigLoader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

class TuneCommandTest {
    @TempDir
    private Path folder;

    private record Result(int exitCode, String out, String err) {}

    private static Result run(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine line = CommandRunner.prepare(new TuningMain(), arguments);
        line.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true));
        return new Result(line.execute(arguments), out.toString(), err.toString());
    }

    @Test
    void shouldShowAnExampleInEachHelp() {
        assertEquals(List.of(), CommandRunner.withoutExample(new TuningMain()));
    }

    @Test
    void shouldLookAtACopyOfAHost() throws IOException {
        RecordedHost recorded = new RecordedHost(folder);
        assertTrue(recorded.files().exists("/proc/swaps"));

        Result result = run("tune", "check", "--root", folder.toString(), "--cpus", "2,3");

        assertEquals(0, result.exitCode(), result.err());
        assertTrue(result.out().startsWith("interface eth1, worker CPU(s) 2,3, port auto\n"), result.out());
        assertTrue(
                result.out().contains("unknown  nic: a copy of /proc and /sys does not hold the NIC's settings"),
                result.out());
        assertTrue(
                result.out().contains("\n  by       echo madvise > /sys/kernel/mm/transparent_hugepage/enabled\n"),
                result.out());
    }

    @Test
    void shouldTakeTheConfigurationsWord() throws IOException {
        new RecordedHost(folder.resolve("host"));
        Path config = folder.resolve("a.properties");
        Files.writeString(config, "forwarder.interface=eth1\nforwarder.cpus=4-5\nforwarder.idle=spin\n");

        Result result = run(
                "tune",
                "check",
                "-c",
                config.toString(),
                "--root",
                folder.resolve("host").toString());

        assertTrue(result.out().startsWith("interface eth1, worker CPU(s) 4,5,"), result.out());
        assertTrue(result.out().contains("workers never sleep: forwarder.idle=spin"), result.out());
    }

    @Test
    void shouldRefuseToChangeACopy() throws IOException {
        new RecordedHost(folder);

        Result result = run("tune", "apply", "--root", folder.toString());

        assertEquals(2, result.exitCode());
        assertTrue(result.err().contains("only --dry-run works on it"), result.err());
        assertEquals(
                0,
                run("tune", "apply", "--dry-run", "--root", folder.toString()).exitCode());
    }

    @Test
    void shouldRefuseWhatItDoesNotKnow() {
        assertEquals(2, run("tune", "check", "--cpus", "two").exitCode());
        assertEquals(
                2, run("tune", "apply", "--dry-run", "--only", "nic.colour").exitCode());
        assertEquals(2, run("tune").exitCode());
    }

    @Test
    void shouldHaveNothingToUndo() {
        Result result =
                run("tune", "undo", "--record", folder.resolve("none.json").toString());

        assertEquals(0, result.exitCode());
        assertTrue(result.out().startsWith("nothing is on record in "), result.out());
    }

    /// The plan beside the package's own file: put in, or appended as it is printed, the file stays one that check
    /// accepts.
    @Test
    void shouldPutAPlanIntoThePackagesConfiguration() throws Exception {
        String host = folder.resolve("host").toString();
        new RecordedHost(folder.resolve("host"));
        Path shipped = Path.of("../packages/default.properties");
        Path file = Files.copy(shipped, folder.resolve("default.properties"));

        Result written = run("tune", "plan", "--root", host, "--write", file.toString());
        assertEquals(0, written.exitCode(), written.err());
        assertTrue(written.out().contains("# Written to " + file), written.out());
        assertEquals(List.of(2, 3), ConfigLoader.load(file).config().forwarder().cpus());
        List<String> before = Files.readAllLines(shipped);
        List<String> after = new ArrayList<>(Files.readAllLines(file));
        after.removeIf(line -> line.startsWith("forwarder.") && !line.startsWith("forwarder.port"));
        assertEquals(before, after, "all else is as it was");

        Files.writeString(file, Files.readString(file).replace("forwarder.cpus=2,3", "forwarder.cpus=7"));
        run("tune", "plan", "--root", host, "--write", file.toString());
        assertEquals(List.of(2, 3), ConfigLoader.load(file).config().forwarder().cpus());
        Result again = run("tune", "plan", "--root", host, "--write", file.toString());
        assertTrue(again.out().contains("has it all: nothing written"), again.out());

        Path appended = folder.resolve("appended.properties");
        Files.writeString(
                appended,
                Files.readString(shipped) + run("tune", "plan", "--root", host).out());
        ConfigLoader.load(appended);
    }

    @Test
    void shouldMakeTheFileForAPlan() throws Exception {
        new RecordedHost(folder.resolve("host"));
        Path file = folder.resolve("new.properties");

        Result written = run("tune", "plan", "--root", folder.resolve("host").toString(), "--write", file.toString());
        assertEquals(0, written.exitCode(), written.err());
        assertTrue(written.out().contains("# Written to " + file), written.out());
        assertEquals(List.of(2, 3), ConfigLoader.load(file).config().forwarder().cpus());
    }

    @Test
    void shouldWriteNoPlanIntoAFileThatIsWrong() throws IOException {
        new RecordedHost(folder.resolve("host"));
        Path file = folder.resolve("wrong.properties");
        Files.writeString(file, "forwarder.bach=3\n");

        Result result = run("tune", "plan", "--root", folder.resolve("host").toString(), "--write", file.toString());
        assertEquals(2, result.exitCode());
        assertTrue(result.err().contains(":1: forwarder.bach: "), result.err());
        assertEquals("forwarder.bach=3\n", Files.readString(file));
    }

    static Stream<Path> profiles() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("profiles"))) {
            return files.sorted().toList().stream();
        }
    }

    /// Each profile is a file of its own that `check` accepts, and explains every key that it sets.
    @ParameterizedTest
    @MethodSource("profiles")
    void shouldAcceptEachProfile(Path profile) throws Exception {
        ConfigLoader.load(profile);
        String previous = "";
        for (String line : Files.readAllLines(profile)) {
            boolean key = !line.isBlank() && !line.startsWith("#");
            assertTrue(!key || previous.startsWith("#"), profile + ": no comment above " + line);
            previous = line;
        }
    }
}
