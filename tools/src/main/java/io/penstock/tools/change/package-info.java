/// Commands that change a running instance, through the API of its sidecar.
@NullMarked
package io.penstock.tools.change;

import org.jspecify.annotations.NullMarked;
