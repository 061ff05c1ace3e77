package io.penstock.control.cli;

import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.SnapshotFile;
import io.penstock.control.status.StatusReader;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `--instance` and `--runtime-dir`, for commands that look at an instance that runs, or ran.
public final class InstanceOptions {
    private static final String DEFAULT_INSTANCE = "default";

    @Option(
            names = "--instance",
            paramLabel = "NAME",
            description = "Which instance; default: the one named \"default\", or the only one there is.")
    private @Nullable String instance;

    @Mixin
    private RuntimeDirOption runtimeDir = new RuntimeDirOption();

    /// Finds the runtime folder of the instance.
    ///
    /// @throws CommandException   when there is none of that name; names those that are there
    /// @throws HostLacksException when we may not look
    public RuntimeFolder folder() {
        Path base = runtimeDir.base();
        List<String> known = instances(base);
        String wanted = instance;
        if (wanted == null) {
            wanted = known.size() == 1 && !known.contains(DEFAULT_INSTANCE) ? known.getFirst() : DEFAULT_INSTANCE;
        }
        if (!known.contains(wanted)) {
            String others = known.isEmpty()
                    ? "there is none; start one with: penstock run -c FILE"
                    : "there is: " + String.join(", ", known) + "; choose with --instance";
            throw new CommandException("no instance " + wanted + " in " + base + ": " + others);
        }
        return RuntimeFolder.of(base, wanted);
    }

    private static List<String> instances(Path base) {
        try (Stream<Path> folders = Files.list(base)) {
            return folders.filter(Files::isDirectory)
                    .map(folder -> folder.getFileName().toString())
                    .sorted()
                    .toList();
        } catch (NoSuchFileException | NotDirectoryException none) {
            return List.of();
        } catch (AccessDeniedException denied) {
            throw new HostLacksException("no permission to look into " + base, "run as root", denied);
        } catch (IOException unreadable) {
            throw new CommandException("cannot read " + base + ": " + unreadable.getMessage());
        }
    }

    /// Opens the status file of the instance; the caller closes it.
    ///
    /// @throws CommandException   when its forwarder never ran
    /// @throws HostLacksException when we may not look
    public StatusReader openStatus() {
        RuntimeFolder folder = folder();
        try {
            return StatusReader.open(folder.statusFile());
        } catch (NoSuchFileException none) {
            String reason = none.getReason();
            throw new CommandException("instance " + folder.instance() + ": "
                    + (reason == null ? "its forwarder never ran; start it with: penstock run -c FILE" : reason));
        } catch (AccessDeniedException denied) {
            throw new HostLacksException("no permission to read " + folder.statusFile(), "run as root", denied);
        } catch (IOException unreadable) {
            throw new CommandException(String.valueOf(unreadable.getMessage()));
        }
    }

    /// {@return the desired state of the instance; empty when no sidecar ever wrote one}
    public Optional<Snapshot> snapshot() {
        RuntimeFolder folder = folder();
        try {
            return SnapshotFile.read(folder);
        } catch (AccessDeniedException denied) {
            throw new HostLacksException("no permission to read " + folder.snapshotFile(), "run as root", denied);
        } catch (IOException unreadable) {
            throw new CommandException(String.valueOf(unreadable.getMessage()));
        }
    }
}
