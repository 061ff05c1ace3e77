package io.penstock.sidecar.metrics;

import java.nio.charset.StandardCharsets;
import java.util.List;

/// Samples of one name: what it means, of which type it is, and its values, one for each set of labels.
///
/// @param name   of every sample
/// @param help   in words, one line
/// @param labels `labels[i]` belongs to the value `i`; as [Labels] writes them, or empty
/// @param values read as the text is made
record Family(String name, MetricType type, String help, List<byte[]> labels, Values values) {
    /// The values of a family.
    @FunctionalInterface
    interface Values {
        /// {@return the value of sample `index`}
        double at(int index);
    }

    /// {@return the two lines before the samples}
    byte[] head() {
        return ("# HELP " + name + " " + Labels.escapeHelp(help) + "\n# TYPE " + name + " "
                        + type.name().toLowerCase(java.util.Locale.ROOT) + "\n")
                .getBytes(StandardCharsets.UTF_8);
    }
}
