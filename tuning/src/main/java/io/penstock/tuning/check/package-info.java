/// What a host is looked at for: one class for each part of it, each finding with its reason and its remedy.
@NullMarked
package io.penstock.tuning.check;

import org.jspecify.annotations.NullMarked;
