package io.penstock.bench.path;

import io.penstock.control.runtime.HashKey;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// The bare loop in C, as a process of its own that maps the flow table of a [BenchPath] and answers one line to each
/// request.
public final class CLoop implements AutoCloseable {
    private final Process process;
    private final BufferedReader answers;
    private final BufferedWriter requests;

    /// @param program compiled from `path.c`
    /// @param path    whose table to use; its flows `0..flows - 1` are open
    public CLoop(Path program, BenchPath path, int flows, long seed) throws IOException {
        process = new ProcessBuilder(
                        program.toString(),
                        path.file().toString(),
                        Integer.toString(flows),
                        Long.toString(seed),
                        Long.toUnsignedString(HashKey.ZERO.high()),
                        Long.toUnsignedString(HashKey.ZERO.low()))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        answers = process.inputReader(StandardCharsets.US_ASCII);
        requests = process.outputWriter(StandardCharsets.US_ASCII);
    }

    /// Runs for a time.
    ///
    /// @param nowTicks what is written as last seen
    /// @return nanoseconds a packet
    /// @throws IOException when it ended, or did not find every flow
    public double run(int ms, int nowTicks) throws IOException {
        requests.write("run " + ms + " " + nowTicks + "\n");
        requests.flush();
        @Nullable String answer = answers.readLine();
        if (answer == null) {
            throw new IOException("the loop in C ended by itself");
        }
        String[] words = answer.split(" ");
        if (!words[1].equals(words[2])) {
            throw new IOException("the loop in C found " + words[1] + " of " + words[2] + " flows");
        }
        return Double.parseDouble(words[0]);
    }

    @Override
    public void close() {
        process.destroy();
    }
}
