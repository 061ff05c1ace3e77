package io.penstock.tuning.host;

/// A value of the host that can be read, changed and put back.
///
/// @param kind   where it lives
/// @param target a path for `FILE`; `INTERFACE KNOB` for `NIC`
/// @param value  what to write, or what was read, in the same syntax
public record Setting(Kind kind, String target, String value) {

    /// Where a setting lives.
    public enum Kind {
        /// In a file of `/proc` or `/sys`.
        FILE,
        /// In a NIC's driver.
        NIC;

        /// {@return the word in records}
        public String text() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }

    /// {@return a file's new content}
    public static Setting file(String path, String value) {
        return new Setting(Kind.FILE, path, value);
    }

    /// {@return a driver's new setting; [Host] has the knobs and their syntax}
    public static Setting nic(String nic, String knob, String value) {
        return new Setting(Kind.NIC, nic + " " + knob, value);
    }

    /// {@return the same setting with another value}
    public Setting with(String other) {
        return new Setting(kind, target, other);
    }
}
