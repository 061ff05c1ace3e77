/// The data plane process: its main class. The rest lies in the packages below.
@NullMarked
package io.penstock.forwarder;

import org.jspecify.annotations.NullMarked;
