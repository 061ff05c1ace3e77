/// Commands that read a running instance, or what a past one left: never by asking a process, always from its files.
@NullMarked
package io.penstock.tools.look;

import org.jspecify.annotations.NullMarked;
