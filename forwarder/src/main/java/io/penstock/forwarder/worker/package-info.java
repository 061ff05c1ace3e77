/// The workers: what one does in a cycle, and the thread that runs it.
@NullMarked
package io.penstock.forwarder.worker;

import org.jspecify.annotations.NullMarked;
