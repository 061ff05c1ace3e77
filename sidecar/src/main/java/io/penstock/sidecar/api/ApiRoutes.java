package io.penstock.sidecar.api;

import com.fasterxml.jackson.core.JsonGenerator;
import io.netty.handler.codec.http.HttpMethod;
import io.penstock.control.cli.ProductVersion;
import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.config.Problem;
import io.penstock.control.config.Quantities;
import io.penstock.control.log.Log;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.status.StatusJson;
import io.penstock.control.status.StatusReader;
import io.penstock.control.status.StatusView;
import io.penstock.control.status.StatusView.ListenerView;
import io.penstock.sidecar.metrics.Metrics;
import io.penstock.sidecar.state.DesiredState;
import io.penstock.sidecar.state.DesiredState.Outcome;
import io.penstock.sidecar.state.DesiredState.View;
import io.penstock.sidecar.state.ForwarderLink;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/// What each request of the API does. Runs on the API's event loop; changes are handed to the [DesiredState], which has
/// a thread of its own.
final class ApiRoutes {
    private static final String LISTENER = "/v1/listeners/{name}";
    private static final String BACKEND = LISTENER + "/backends/{id}";
    private static final long MOST_DRAIN_MS = 604_800_000;

    private final Path file;
    private final DesiredState state;
    private final ForwarderLink forwarder;
    private final Metrics metrics;
    private final Health health;
    private final ApiLimits limits;
    private final Executor loop;

    /// Says why the sidecar does not do its work, or nothing.
    interface Health {
        Optional<String> trouble();
    }

    /// @param file      the configuration, as the operator named it
    /// @param forwarder for the API's event loop alone
    /// @param loop      the API's event loop
    ApiRoutes(
            Path file,
            DesiredState state,
            ForwarderLink forwarder,
            Metrics metrics,
            Health health,
            ApiLimits limits,
            Executor loop) {
        this.file = file;
        this.state = state;
        this.forwarder = forwarder;
        this.metrics = metrics;
        this.health = health;
        this.limits = limits;
        this.loop = loop;
    }

    /// {@return every route}
    Router router() {
        return new Router()
                .add(HttpMethod.GET, "/healthz", request -> done(healthz()))
                .add(HttpMethod.GET, "/metrics", request -> done(metrics()))
                .add(HttpMethod.GET, "/openapi.json", request -> done(openApi()))
                .add(HttpMethod.GET, "/v1/status", request -> done(status()))
                .add(HttpMethod.GET, "/v1/limits", request -> done(limits()))
                .add(HttpMethod.GET, "/v1/listeners", request -> done(listeners()))
                .add(HttpMethod.POST, "/v1/listeners", this::create)
                .add(HttpMethod.GET, LISTENER, request -> done(listener(request)))
                .add(HttpMethod.PATCH, LISTENER, this::update)
                .add(HttpMethod.DELETE, LISTENER, this::delete)
                .add(HttpMethod.POST, LISTENER + "/start", request -> setRunning(request, true))
                .add(HttpMethod.POST, LISTENER + "/stop", request -> setRunning(request, false))
                .add(HttpMethod.PUT, BACKEND, request -> putBackend(request, true))
                .add(HttpMethod.PATCH, BACKEND, request -> putBackend(request, false))
                .add(HttpMethod.DELETE, BACKEND, this::deleteBackend)
                .add(HttpMethod.POST, BACKEND + "/drain", this::drain)
                .add(HttpMethod.POST, BACKEND + "/undrain", this::undrain);
    }

    private static CompletionStage<Response> done(Response response) {
        return CompletableFuture.completedFuture(response);
    }

    // ---- looking

    private Response healthz() {
        Optional<String> trouble = health.trouble();
        return Response.json(trouble.isPresent() ? 503 : 200, json -> {
            json.writeStartObject();
            json.writeStringField("status", trouble.isPresent() ? "failing" : "ok");
            if (trouble.isPresent()) {
                json.writeStringField("detail", trouble.get());
            }
            json.writeEndObject();
        });
    }

    private Response metrics() {
        return Response.streaming(Metrics.CONTENT_TYPE, metrics.body(forwarder.reader(), state.view()));
    }

    private static Response openApi() {
        try (InputStream in = ApiRoutes.class.getResourceAsStream("openapi.json")) {
            if (in == null) {
                throw new IllegalStateException("openapi.json is not in the jar");
            }
            return Response.document(200, Response.JSON, in.readAllBytes());
        } catch (IOException e) {
            throw new IllegalStateException("openapi.json", e);
        }
    }

    private Response status() {
        View view = state.view();
        StatusView status = forwarder
                .reader()
                .map(reader -> StatusView.of(reader, view.snapshot()))
                .orElseGet(() -> withoutForwarder(view));
        return Response.json(200, json -> {
            json.writeStartObject();
            StatusJson.statusFields(json, status);
            json.writeObjectFieldStart("config");
            json.writeStringField("file", file.toString());
            json.writeBooleanField("in_force", view.problems().isEmpty());
            writeProblems(json, "problems", view.problems());
            writeProblems(json, "warnings", view.warnings());
            if (view.publishError() != null) {
                json.writeStringField("publish_error", view.publishError());
            }
            json.writeEndObject();
            json.writeEndObject();
        });
    }

    private static StatusView withoutForwarder(View view) {
        return new StatusView(
                view.config().instance(),
                ProductVersion.text(),
                false,
                0,
                0,
                "",
                "",
                "",
                view.snapshot().version(),
                0,
                List.of(),
                0,
                0,
                StatusView.listeners(Map.of(), view.snapshot()));
    }

    private static void writeProblems(JsonGenerator json, String name, List<Problem> problems) throws IOException {
        json.writeArrayFieldStart(name);
        for (Problem problem : problems) {
            json.writeString(problem.text());
        }
        json.writeEndArray();
    }

    private Response limits() {
        List<Quota> quotas = Quota.of(state.view().config(), limits);
        return Response.json(200, json -> {
            json.writeStartArray();
            for (Quota quota : quotas) {
                quota.write(json);
            }
            json.writeEndArray();
        });
    }

    private List<ListenerView> listenerViews(Snapshot snapshot) {
        return StatusView.listeners(
                forwarder.reader().map(StatusReader::listeners).orElse(Map.of()), snapshot);
    }

    private Response listeners() {
        List<ListenerView> listeners = listenerViews(state.view().snapshot());
        return Response.json(200, json -> StatusJson.listeners(json, listeners));
    }

    private Response listener(Request request) {
        return listener(200, state.view(), request.name("name"), null);
    }

    /// What a change says beside the listener as it is now.
    ///
    /// @param temporary whether the file does not know of it
    private record Note(boolean temporary, boolean applied, String text) {}

    private Response listener(int status, View view, String name, @Nullable Note note) {
        ListenerView found = listenerViews(view.snapshot()).stream()
                .filter(listener -> listener.config().name().equals(name))
                .findFirst()
                .orElseThrow(() -> ApiProblem.notFound("there is no listener " + name));
        return Response.json(status, json -> {
            json.writeStartObject();
            StatusJson.listenerFields(json, found);
            json.writeBooleanField("configuring", view.configuring().contains(name));
            json.writeFieldName("config");
            ListenerDocument.write(json, found.config());
            if (note != null) {
                writeNote(json, note);
            }
            json.writeEndObject();
        });
    }

    private static void writeNote(JsonGenerator json, Note note) throws IOException {
        json.writeBooleanField("temporary", note.temporary);
        json.writeBooleanField("applied", note.applied);
        json.writeStringField("note", note.text);
    }

    // ---- changing the file

    private CompletionStage<Response> create(Request request) {
        ListenerDocument document = ListenerDocument.read(request.body());
        String name = document.name();
        if (name != null && state.view().listener(name) != null) {
            throw new ApiProblem(409, "listener " + name + " exists already");
        }
        if (document.isEmpty()) {
            throw ApiProblem.invalid(missing(name));
        }
        if (name == null) {
            return answer(state.rehearse("", false, editor -> document.apply(editor, "")), config -> {
                throw new IllegalStateException("a listener without a name");
            });
        }
        DesiredState.Edit edit = editor -> document.apply(editor, name);
        if (request.isSet("dry_run")) {
            return answer(state.rehearse(name, false, edit), config -> rehearsed(config, name));
        }
        return answer(
                state.edit(name, false, edit),
                outcome -> listener(201, outcome.view(), name, written(outcome))
                        .with("Location", "/v1/listeners/" + name));
    }

    private static List<Problem> missing(@Nullable String name) {
        String prefix = name == null ? "" : "listener." + name + ".";
        List<Problem> problems = new ArrayList<>();
        if (name == null) {
            problems.add(ListenerDocument.NAME_MISSING);
        }
        problems.add(new Problem("", 0, prefix + "vip", "is missing", "one or more IPv4 or IPv6 addresses"));
        problems.add(new Problem("", 0, prefix + "ports", "is missing", "ports 1..65535, or all"));
        problems.add(new Problem("", 0, prefix + "backends", "is missing", "at least one backend"));
        return problems;
    }

    private CompletionStage<Response> update(Request request) {
        String name = request.name("name");
        ListenerDocument document = ListenerDocument.read(request.body());
        return change(request, name, editor -> document.apply(editor, name));
    }

    private CompletionStage<Response> putBackend(Request request, boolean replaces) {
        String name = request.name("name");
        String id = request.name("id");
        boolean exists = hasBackend(name, id);
        if (!exists && !replaces) {
            throw ApiProblem.notFound("there is no backend " + id + " in listener " + name);
        }
        ListenerDocument document = ListenerDocument.readBackend(id, request.body(), replaces);
        CompletionStage<Response> changed = change(request, name, editor -> document.apply(editor, name));
        return exists || request.isSet("dry_run") ? changed : changed.thenApply(Response::created);
    }

    private CompletionStage<Response> deleteBackend(Request request) {
        String name = request.name("name");
        String id = request.name("id");
        if (!hasBackend(name, id)) {
            throw ApiProblem.notFound("there is no backend " + id + " in listener " + name);
        }
        return change(request, name, editor -> ListenerDocument.removal(id).apply(editor, name));
    }

    private CompletionStage<Response> delete(Request request) {
        String name = request.name("name");
        DesiredState.Edit edit = editor -> editor.removeListener(name);
        if (request.isSet("dry_run")) {
            return answer(state.rehearse(name, true, edit), config -> Response.noContent());
        }
        return answer(state.edit(name, true, edit), outcome -> Response.noContent());
    }

    private boolean hasBackend(String name, String id) {
        Snapshot.Listener listener = state.view().listener(name);
        if (listener == null) {
            throw ApiProblem.notFound("there is no listener " + name);
        }
        return listener.backends().stream()
                .anyMatch(backend -> backend.config().id().equals(id));
    }

    private CompletionStage<Response> change(Request request, String name, DesiredState.Edit edit) {
        if (request.isSet("dry_run")) {
            return answer(state.rehearse(name, true, edit), config -> rehearsed(config, name));
        }
        return answer(state.edit(name, true, edit), outcome -> listener(200, outcome.view(), name, written(outcome)));
    }

    private Response rehearsed(PenstockConfig config, String name) {
        ListenerConfig listener = config.listeners().stream()
                .filter(each -> each.name().equals(name))
                .findFirst()
                .orElseThrow(() -> ApiProblem.notFound("there is no listener " + name));
        return Response.json(200, json -> {
            json.writeStartObject();
            json.writeBooleanField("dry_run", true);
            json.writeFieldName("config");
            ListenerDocument.write(json, listener);
            json.writeEndObject();
        });
    }

    private Note written(Outcome outcome) {
        return new Note(false, outcome.applied(), "written to " + file + reach(outcome));
    }

    // ---- what lasts until told otherwise

    private CompletionStage<Response> setRunning(Request request, boolean running) {
        request.refuseUnknown(Set.of());
        String name = request.name("name");
        return answer(
                state.setRunning(name, running),
                outcome -> listener(
                        200,
                        outcome.view(),
                        name,
                        temporary(
                                outcome,
                                "until it is " + (running ? "stopped" : "started") + " again; listener." + name
                                        + ".enabled in the file says how it begins")));
    }

    private CompletionStage<Response> drain(Request request) {
        request.refuseUnknown(Set.of("deadline"));
        String name = request.name("name");
        long deadlineMs = deadlineMs(request);
        return answer(
                state.drain(name, request.name("id"), deadlineMs),
                outcome -> listener(200, outcome.view(), name, temporary(outcome, "until undrain")));
    }

    private CompletionStage<Response> undrain(Request request) {
        request.refuseUnknown(Set.of());
        String name = request.name("name");
        return answer(
                state.undrain(name, request.name("id")),
                outcome -> listener(200, outcome.view(), name, temporary(outcome, "as the file has it")));
    }

    private Note temporary(Outcome outcome, String until) {
        return new Note(
                true, outcome.applied(), "temporary, " + until + "; " + file + " is unchanged" + reach(outcome));
    }

    private static String reach(Outcome outcome) {
        if (outcome.view().publishError() != null) {
            return "; not in the data plane yet: " + outcome.view().publishError();
        }
        return outcome.applied() ? "" : "; not in the data plane yet: no forwarder runs, or it is busy";
    }

    // -1 for the listener's own; from the body {"deadline":"5m"} or the query ?deadline=5m.
    private static long deadlineMs(Request request) {
        String text = request.query("deadline");
        if (request.body().length > 0) {
            text = Json.field(request.body(), "deadline");
        }
        if (text == null) {
            return -1;
        }
        long deadlineMs = Quantities.durationMs(text);
        if (deadlineMs >= 0 && deadlineMs <= MOST_DRAIN_MS) {
            return deadlineMs;
        }
        throw ApiProblem.invalid(List.of(
                new Problem("", 0, "deadline", "\"" + text + "\" is not a deadline", "0 | 1s..604800s, such as 5m")));
    }

    // ---- answers

    private interface Answer<T> {
        Response of(T value);
    }

    private <T> CompletionStage<Response> answer(CompletableFuture<T> change, Answer<T> answer) {
        return change.handleAsync(
                (value, failure) -> {
                    if (failure != null) {
                        throw problem(failure);
                    }
                    return answer.of(value);
                },
                loop);
    }

    private static ApiProblem problem(Throwable failure) {
        Throwable cause =
                failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
        if (cause instanceof ApiProblem problem) {
            return problem;
        }
        if (cause instanceof ConfigException invalid) {
            return isImmutable(invalid)
                    ? new ApiProblem(409, String.valueOf(invalid.getMessage()), invalid.problems())
                    : ApiProblem.invalid(invalid.problems());
        }
        if (cause instanceof DesiredState.BusyException) {
            return new ApiProblem(409, String.valueOf(cause.getMessage()));
        }
        if (cause instanceof DesiredState.UnknownException) {
            return ApiProblem.notFound(String.valueOf(cause.getMessage()));
        }
        return new ApiProblem(cause instanceof IOException ? 503 : 500, Log.reason(cause));
    }

    private static boolean isImmutable(ConfigException invalid) {
        return invalid.problems().stream().allMatch(problem -> problem.wrong().startsWith("cannot change from"));
    }
}
