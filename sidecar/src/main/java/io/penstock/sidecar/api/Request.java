package io.penstock.sidecar.api;

import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// One request, read whole.
final class Request {
    private final Map<String, String> path;
    private final Map<String, String> query;
    private final byte[] body;

    /// @param path  the names in the path's template, such as `{name}`, with what stood there
    /// @param query the parameters, decoded; of a doubled one the last
    /// @param body  empty where there was none
    Request(Map<String, String> path, Map<String, String> query, byte[] body) {
        this.path = path;
        this.query = query;
        this.body = body;
    }

    /// {@return what stood in the path for a name of the template}
    String name(String parameter) {
        String value = path.get(parameter);
        if (value == null) {
            throw new IllegalArgumentException("parameter=" + parameter + ": not in the route's template");
        }
        return value;
    }

    /// {@return a query parameter, or null}
    @Nullable
    String query(String parameter) {
        return query.get(parameter);
    }

    /// {@return whether a switch is set: `?name`, `?name=true`, `?name=1`}
    ///
    /// @throws ApiProblem 400 for a value that is neither yes nor no: who wrote `?dry_run=yes` wants nothing done
    boolean isSet(String parameter) {
        String value = query.get(parameter);
        if (value == null) {
            return false;
        }
        return switch (value) {
            case "", "true", "1" -> true;
            case "false", "0" -> false;
            default -> throw new ApiProblem(400, parameter + "=" + value + ": true or false expected");
        };
    }

    /// Refuses a parameter that no change knows: a misspelt `dry_run` must not become a change.
    ///
    /// @throws ApiProblem 400
    void refuseUnknown(Set<String> known) {
        for (String parameter : query.keySet()) {
            if (!known.contains(parameter)) {
                throw new ApiProblem(
                        400,
                        "no such parameter: " + parameter + " (known here: "
                                + (known.isEmpty() ? "none" : String.join(", ", new TreeSet<>(known))) + ")");
            }
        }
    }

    /// {@return the body; the caller must not change it}
    byte[] body() {
        return body;
    }
}
