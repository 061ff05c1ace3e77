package io.penstock.tools.change;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.HostLacksException;
import io.penstock.control.cli.InstanceOptions;
import io.penstock.control.cli.JsonOption;
import io.penstock.tools.api.ApiClient;
import io.penstock.tools.api.FlatJson;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// Options of every command that changes an instance, and the way to its sidecar. Add it as a mixin.
final class Change {
    private static final int TIMEOUT_MS = 30_000;

    @Mixin
    private InstanceOptions instance = new InstanceOptions();

    @Mixin
    private JsonOption json = new JsonOption();

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command = CommandSpec.create();

    /// {@return the API's path of a listener}
    static String listener(String name) {
        return "/v1/listeners/" + encode(name);
    }

    /// {@return the API's path of a backend}
    static String backend(String listener, String id) {
        return listener(listener) + "/backends/" + encode(id);
    }

    /// Sends a change and says what became of it.
    ///
    /// @param document the body, or null for none
    /// @param done     what to say when it is done, without a full stop
    /// @throws CommandException when it is refused, with every reason
    ExitCode send(String method, String path, @Nullable String document, String done) {
        ApiClient.Answer answer = exchange(method, path, document);
        if (answer.status() >= 300) {
            throw refusal(answer);
        }
        if (json.json()) {
            command.commandLine().getOut().println(answer.body().strip());
        } else {
            command.commandLine().getOut().println(done + note(answer));
        }
        return ExitCode.DONE;
    }

    private ApiClient.Answer exchange(String method, String path, @Nullable String document) {
        Path socket = instance.folder().apiSocket();
        try {
            return new ApiClient(socket, TIMEOUT_MS).send(method, path, document);
        } catch (ApiClient.Unreachable e) {
            String message = String.valueOf(e.getMessage());
            if (message.contains("Permission denied")) {
                throw new HostLacksException("no permission to use " + socket, "run as root", e);
            }
            throw new CommandException("the sidecar of instance "
                    + instance.folder().instance() + " does not run, and changes go through it: " + message);
        } catch (IOException e) {
            throw new CommandException(String.valueOf(e.getMessage()));
        }
    }

    /// {@return what the sidecar adds: where a permanent change was written, or how long a temporary one lasts}
    private static String note(ApiClient.Answer answer) {
        String note = fields(answer).get("note");
        return note == null ? "" : " (" + note + ")";
    }

    private static CommandException refusal(ApiClient.Answer answer) {
        Map<String, String> fields = fields(answer);
        List<String> reasons = new ArrayList<>();
        for (int i = 0; fields.containsKey("problems." + i + ".wrong"); i++) {
            String problem = "problems." + i + ".";
            String expected = fields.getOrDefault(problem + "expected", "");
            reasons.add(fields.getOrDefault(problem + "key", "") + ": " + fields.get(problem + "wrong")
                    + (expected.isEmpty() ? "" : " (" + expected + ")"));
        }
        if (reasons.isEmpty()) {
            String title = fields.getOrDefault("title", "the sidecar answered with status " + answer.status());
            reasons.add(fields.getOrDefault("detail", title));
        }
        boolean invalid = answer.status() == 400 || answer.status() == 422;
        return new CommandException(invalid ? ExitCode.USAGE : ExitCode.FAILED, String.join("; ", reasons));
    }

    private static Map<String, String> fields(ApiClient.Answer answer) {
        try {
            return FlatJson.parse(answer.body());
        } catch (JsonProcessingException e) {
            return Map.of();
        } catch (IOException e) {
            throw new AssertionError("a string does not fail", e);
        }
    }

    private static String encode(String name) {
        return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
    }
}
