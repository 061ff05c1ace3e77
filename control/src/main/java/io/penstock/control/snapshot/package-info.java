/// The desired state that the sidecar hands to the forwarder: immutable, versioned, declarative.
@NullMarked
package io.penstock.control.snapshot;

import org.jspecify.annotations.NullMarked;
