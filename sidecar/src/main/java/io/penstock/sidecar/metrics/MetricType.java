package io.penstock.sidecar.metrics;

/// Types of the exposition format.
enum MetricType {
    /// Only rises.
    COUNTER,
    /// Rises and falls.
    GAUGE,
    /// Counts by size; the names of the samples carry their suffixes in front of the labels.
    HISTOGRAM
}
