package io.penstock.forwarder.backend;

import io.penstock.control.cli.CommandException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/// Numbers among the kernel's parameters, of the network namespace of the calling thread.
final class Sysctls {
    /// What [#read(String)] gives for a parameter that is not there.
    static final int ABSENT = -1;

    private static final Path ROOT = Path.of("/proc/sys");

    private Sysctls() {}

    /// {@return its value, or [#ABSENT]}
    ///
    /// @param key with slashes, since names of interfaces may hold dots: `net/ipv4/conf/eth0.5/rp_filter`
    static int read(String key) throws IOException {
        try {
            return Integer.parseInt(Files.readString(ROOT.resolve(key), StandardCharsets.US_ASCII)
                    .strip());
        } catch (NoSuchFileException absent) {
            return ABSENT;
        } catch (NumberFormatException other) {
            throw new CommandException(name(key) + " is no number: " + other.getMessage());
        }
    }

    /// Sets a parameter.
    static void write(String key, int value) throws IOException {
        Files.writeString(ROOT.resolve(key), Integer.toString(value), StandardCharsets.US_ASCII);
    }

    /// {@return the name as sysctl(8) takes it}
    static String name(String key) {
        // sysctl(8) takes a slash for the dot of an interface's name, once dots part the words.
        return key.contains(".") ? key : key.replace('/', '.');
    }
}
