package io.penstock.tuning.host;

import java.util.List;

/// One thing that was looked at.
///
/// @param id      names the check for `--only`, such as `nic.lro`
/// @param level   how bad it is
/// @param is      what was found; for `UNKNOWN` why it could not be read
/// @param should  what is better; empty where nothing is
/// @param why     what it costs as it is
/// @param command what an operator would type to mend it; empty where nothing is to be done
/// @param changes what `tune apply` does; empty where that is the operator's decision
public record Finding(
        String id, Level level, String is, String should, String why, String command, List<Setting> changes) {

    /// How bad a finding is.
    public enum Level {
        /// Breaks forwarding or loses packets.
        PROBLEM,
        /// Costs speed or evenness.
        ADVICE,
        /// Could not be read.
        UNKNOWN,
        /// As it should be.
        OK;

        /// {@return the word that people and programs read}
        public String text() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }

    /// Copies the list.
    public Finding {
        changes = List.copyOf(changes);
    }

    /// {@return a finding that all is well}
    public static Finding ok(String id, String is) {
        return new Finding(id, Level.OK, is, "", "", "", List.of());
    }

    /// {@return a finding that something could not be read}
    public static Finding unknown(String id, String reason) {
        return new Finding(id, Level.UNKNOWN, reason, "", "", "", List.of());
    }
}
