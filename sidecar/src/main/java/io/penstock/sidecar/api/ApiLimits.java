package io.penstock.sidecar.api;

/// What a client may use of us.
///
/// @param bodyBytes          largest request body
/// @param headerBytes        all headers of a request together; the request line may have half of it
/// @param connections        at a time, over TCP
/// @param connectionsEach    at a time, for each remote address that is not loopback
/// @param localConnections   at a time, over the Unix socket: kept apart, so that the command line always gets in
/// @param requestMs          from the first byte of a request to its last
/// @param idleMs             between two requests
/// @param responseMs         to take a response
record ApiLimits(
        int bodyBytes,
        int headerBytes,
        int connections,
        int connectionsEach,
        int localConnections,
        long requestMs,
        long idleMs,
        long responseMs) {
    static final ApiLimits DEFAULT = new ApiLimits(1 << 20, 8192, 64, 16, 32, 10_000, 60_000, 30_000);
}
