package io.penstock.control.runtime;

import java.util.HexFormat;

/// `forwarder.hash-key`: the 128-bit secret of the hash that chooses backends. Machines that share VIPs share it.
///
/// @param high first 16 hex digits
/// @param low  last 16 hex digits
public record HashKey(long high, long low) {
    /// The key of `replay` where the file names none.
    public static final HashKey ZERO = new HashKey(0, 0);

    /// {@return 32 hex digits}
    public String text() {
        HexFormat hex = HexFormat.of();
        return hex.toHexDigits(high) + hex.toHexDigits(low);
    }

    /// @param text 32 hex digits
    /// @throws IllegalArgumentException for anything else
    public static HashKey parse(String text) {
        if (!text.matches("[0-9a-fA-F]{32}")) {
            throw new IllegalArgumentException("hashKey=" + text + ": 32 hex digits expected");
        }
        return new HashKey(HexFormat.fromHexDigitsToLong(text, 0, 16), HexFormat.fromHexDigitsToLong(text, 16, 32));
    }

    /// Hides the secret.
    @Override
    public String toString() {
        return "HashKey[hidden]";
    }
}
