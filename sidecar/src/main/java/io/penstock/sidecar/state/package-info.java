/// The desired state: read from the file, changed by checks and operators, published to the forwarder.
@NullMarked
package io.penstock.sidecar.state;

import org.jspecify.annotations.NullMarked;
