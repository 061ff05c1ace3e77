/// Figures of a benchmark run: table, CSV, JSON lines, plot.
@NullMarked
package io.penstock.bench.report;

import org.jspecify.annotations.NullMarked;
