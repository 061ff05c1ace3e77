/// Turns configurations of other balancers into properties files.
@NullMarked
package io.penstock.tools.convert;

import org.jspecify.annotations.NullMarked;
