/// Live packets that match a filter, for `penstock trace`: what a worker notes while somebody looks, the file it notes
/// them in, and how that file is read.
@NullMarked
package io.penstock.forwarder.trace;

import org.jspecify.annotations.NullMarked;
