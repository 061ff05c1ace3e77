package io.penstock.sidecar.api;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import org.jspecify.annotations.Nullable;

/// The secret of `sidecar.api-token-file`. Only its digest is kept, and comparing takes the same time whatever is
/// presented, its length included.
final class ApiToken {
    private static final String SCHEME = "Bearer ";
    private static final int MIN_LENGTH = 16;
    private static final int MAX_LENGTH = 4096;

    private final byte[] digest;

    private ApiToken(String token) {
        digest = digest(token);
    }

    /// Reads the file: its first line, without blanks around it.
    ///
    /// @throws IOException where the file cannot be read or holds no token worth the name
    static ApiToken read(Path file) throws IOException {
        if (Files.size(file) > MAX_LENGTH) {
            throw new IOException(file + ": longer than " + MAX_LENGTH + " bytes, that is no token");
        }
        String token = Files.readString(file).lines().findFirst().orElse("").strip();
        if (token.length() < MIN_LENGTH) {
            throw new IOException(file + ": the token has " + token.length() + " characters, at least " + MIN_LENGTH
                    + " are expected (head -c 24 /dev/urandom | base64 > " + file + ")");
        }
        return new ApiToken(token);
    }

    /// {@return whether an `Authorization` header carries the token}
    boolean isIn(@Nullable String authorization) {
        String presented = "";
        if (authorization != null && authorization.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
            presented = authorization.substring(SCHEME.length()).strip();
        }
        return MessageDigest.isEqual(digest(presented), digest);
    }

    private static byte[] digest(String token) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
