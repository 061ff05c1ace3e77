/// What tuning asks of the kernel.
@NullMarked
package io.penstock.tuning.linux;

import org.jspecify.annotations.NullMarked;
