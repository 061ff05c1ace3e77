package io.penstock.sidecar.api;

import io.netty.handler.codec.http.HttpMethod;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/// Which request goes where. Immutable once the server starts.
final class Router {
    /// Answers one kind of request. May throw [ApiProblem], or complete with it.
    @FunctionalInterface
    interface Action {
        CompletionStage<Response> handle(Request request);
    }

    /// @param template as OpenAPI writes it: `/v1/listeners/{name}`
    record Route(HttpMethod method, String template, Action action) {
        private List<String> segments() {
            return List.of(template.substring(1).split("/"));
        }
    }

    /// A route and what stood in the path for the names of its template.
    record Match(Action action, Map<String, String> names) {}

    private final List<Route> routes = new ArrayList<>();

    /// Adds a route.
    Router add(HttpMethod method, String template, Action action) {
        routes.add(new Route(method, template, action));
        return this;
    }

    List<Route> routes() {
        return List.copyOf(routes);
    }

    /// Finds the route of a request. HEAD finds what GET does.
    ///
    /// @param path decoded, starting with `/`
    /// @throws ApiProblem 404 for an unknown path, 405 for a method that the path does not have
    Match match(HttpMethod method, String path) {
        HttpMethod wanted = method.equals(HttpMethod.HEAD) ? HttpMethod.GET : method;
        List<String> segments = List.of(path.substring(1).split("/", -1));
        List<String> allowed = new ArrayList<>();
        for (Route route : routes) {
            Map<String, String> names = names(route.segments(), segments);
            if (names != null) {
                if (route.method.equals(wanted)) {
                    return new Match(route.action, names);
                }
                allowed.add(route.method.name());
                if (route.method.equals(HttpMethod.GET)) {
                    allowed.add(HttpMethod.HEAD.name());
                }
            }
        }
        if (allowed.isEmpty()) {
            throw ApiProblem.notFound("no such path: " + path + " (GET /openapi.json describes all of them)");
        }
        throw ApiProblem.notAllowed(
                method + " is not for " + path + ", " + String.join(", ", allowed) + " is", allowed);
    }

    private static @Nullable Map<String, String> names(List<String> template, List<String> segments) {
        if (template.size() != segments.size()) {
            return null;
        }
        Map<String, String> names = new HashMap<>();
        for (int i = 0; i < template.size(); i++) {
            String pattern = template.get(i);
            if (pattern.startsWith("{")) {
                names.put(pattern.substring(1, pattern.length() - 1), segments.get(i));
            } else if (!pattern.equals(segments.get(i))) {
                return null;
            }
        }
        return names;
    }
}
