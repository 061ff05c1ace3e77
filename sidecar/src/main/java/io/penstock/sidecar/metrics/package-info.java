/// Metrics in the Prometheus text format.
@NullMarked
package io.penstock.sidecar.metrics;

import org.jspecify.annotations.NullMarked;
