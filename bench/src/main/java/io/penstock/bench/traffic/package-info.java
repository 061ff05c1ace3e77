/// Frames at a steady rate, on our own ports, and what becomes of them.
@NullMarked
package io.penstock.bench.traffic;

import org.jspecify.annotations.NullMarked;
