/// `penstock run`: the two processes under one supervisor.
@NullMarked
package io.penstock.tools.run;

import org.jspecify.annotations.NullMarked;
