/// How long Maglev tables take to build, how even they are and what a change of backends moves.
@NullMarked
package io.penstock.bench.maglev;

import org.jspecify.annotations.NullMarked;
