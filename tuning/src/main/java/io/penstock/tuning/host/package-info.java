/// A host as the checks see it: its files and NICs, what was found there, and what can be set.
@NullMarked
package io.penstock.tuning.host;

import org.jspecify.annotations.NullMarked;
