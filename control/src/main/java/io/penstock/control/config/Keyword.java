package io.penstock.control.config;

import java.util.Locale;

/// A value of a fixed list, spelled in the properties file, the API and the output as its constant in lower case.
public interface Keyword {
    /// {@return the constant's name as Java spells it}
    String name();

    /// {@return the word that operators write and read}
    default String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}
