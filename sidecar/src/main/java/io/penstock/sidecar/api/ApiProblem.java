package io.penstock.sidecar.api;

import com.fasterxml.jackson.core.JsonGenerator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.penstock.control.config.Problem;
import java.util.ArrayList;
import java.util.List;

/// A request that is not done, and everything that is wrong with it: an RFC 9457 problem document.
///
/// ```json
/// {"type":"about:blank","title":"Unprocessable Entity","status":422,"detail":"2 problems",
///  "problems":[{"key":"listener.web.scheduler","wrong":"\"x\" is not known","expected":"mh | wrr | ..."}, ...]}
/// ```
///
/// It is thrown where a request is handled; that is its only use as an exception.
final class ApiProblem extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int status;
    private final transient List<Problem> problems;
    private final String allow;

    ApiProblem(int status, String detail) {
        this(status, detail, List.of());
    }

    /// {@return a path that does not have the method (RFC 9110 §15.5.6: the answer names those it has)}
    static ApiProblem notAllowed(String detail, List<String> methods) {
        return new ApiProblem(405, detail, List.of(), String.join(", ", methods));
    }

    ApiProblem(int status, String detail, List<Problem> problems) {
        this(status, detail, problems, "");
    }

    private ApiProblem(int status, String detail, List<Problem> problems, String allow) {
        super(detail, null, false, false); // It says what the client did; our stack is of no interest.
        this.allow = allow;
        this.status = status;
        this.problems = List.copyOf(problems);
    }

    /// {@return a document that is understood and cannot be accepted}
    static ApiProblem invalid(List<Problem> problems) {
        String count = problems.size() == 1 ? "1 problem" : problems.size() + " problems";
        return new ApiProblem(422, count + ": " + problems.getFirst().text(), problems);
    }

    /// {@return nothing of that name}
    static ApiProblem notFound(String what) {
        return new ApiProblem(404, what);
    }

    int status() {
        return status;
    }

    List<Problem> problems() {
        return new ArrayList<>(problems);
    }

    /// {@return the document}
    Response response() {
        Response response = Response.document(status, Response.PROBLEM, Json.write(this::write));
        return allow.isEmpty() ? response : response.with("Allow", allow);
    }

    private void write(JsonGenerator json) throws java.io.IOException {
        json.writeStartObject();
        json.writeStringField("type", "about:blank");
        json.writeStringField("title", HttpResponseStatus.valueOf(status).reasonPhrase());
        json.writeNumberField("status", status);
        json.writeStringField("detail", getMessage());
        json.writeArrayFieldStart("problems");
        for (Problem problem : problems) {
            json.writeStartObject();
            if (!problem.file().isEmpty()) {
                json.writeStringField("file", problem.file());
                json.writeNumberField("line", problem.line());
            }
            json.writeStringField("key", problem.key());
            json.writeStringField("wrong", problem.wrong());
            json.writeStringField("expected", problem.expected());
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeEndObject();
    }
}
