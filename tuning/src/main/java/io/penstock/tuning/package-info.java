/// The tuning module.
@NullMarked
package io.penstock.tuning;

import org.jspecify.annotations.NullMarked;
