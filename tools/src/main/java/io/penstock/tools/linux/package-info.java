/// What the tools ask of the kernel themselves.
@NullMarked
package io.penstock.tools.linux;

import org.jspecify.annotations.NullMarked;
