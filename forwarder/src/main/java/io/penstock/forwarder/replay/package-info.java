/// The packet path over a capture file.
@NullMarked
package io.penstock.forwarder.replay;

import org.jspecify.annotations.NullMarked;
