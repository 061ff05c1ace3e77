/// The mapped file in which the forwarder counts and which every tool reads without talking to it.
@NullMarked
package io.penstock.control.status;

import org.jspecify.annotations.NullMarked;
