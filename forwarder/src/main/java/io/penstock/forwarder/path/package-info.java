/// The packet path: what becomes of each frame of a batch.
@NullMarked
package io.penstock.forwarder.path;

import org.jspecify.annotations.NullMarked;
