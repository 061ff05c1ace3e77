/// The sidecar module.
@NullMarked
package io.penstock.sidecar;

import org.jspecify.annotations.NullMarked;
