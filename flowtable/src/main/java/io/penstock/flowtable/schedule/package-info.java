/// Who gets a new flow: Maglev and the other schedulers.
@NullMarked
package io.penstock.flowtable.schedule;

import org.jspecify.annotations.NullMarked;
