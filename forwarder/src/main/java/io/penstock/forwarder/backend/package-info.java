/// `penstock backend`: makes a host a backend, says what is missing, and undoes it.
@NullMarked
package io.penstock.forwarder.backend;

import org.jspecify.annotations.NullMarked;
