/// What the tests of several modules do alike.
@NullMarked
package io.penstock.testing;

import org.jspecify.annotations.NullMarked;
