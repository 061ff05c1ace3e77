/// The packet path over memory, beside a loop in C.
@NullMarked
package io.penstock.bench.path;

import org.jspecify.annotations.NullMarked;
