/// Plain lines for people and for the journal.
@NullMarked
package io.penstock.control.log;

import org.jspecify.annotations.NullMarked;
