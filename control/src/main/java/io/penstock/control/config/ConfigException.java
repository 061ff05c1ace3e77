package io.penstock.control.config;

import java.util.List;
import java.util.stream.Collectors;

/// A configuration that cannot be used, with everything that is wrong in it.
public final class ConfigException extends Exception {
    private static final long serialVersionUID = 1;

    private final transient List<Problem> problems;

    /// @param problems at least one
    public ConfigException(List<Problem> problems) {
        super(problems.stream().map(Problem::text).collect(Collectors.joining("\n")));
        if (problems.isEmpty()) {
            throw new IllegalArgumentException("problems=[]: at least one expected");
        }
        this.problems = List.copyOf(problems);
    }

    /// {@return every problem, by file and line}
    public List<Problem> problems() {
        return problems;
    }
}
