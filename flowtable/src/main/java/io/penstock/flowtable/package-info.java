/// Flow keys, flow tables, persistence: off-heap, single writer or lock-free, no allocation after construction.
@NullMarked
package io.penstock.flowtable;

import org.jspecify.annotations.NullMarked;
