/// The tools module.
@NullMarked
package io.penstock.tools;

import org.jspecify.annotations.NullMarked;
