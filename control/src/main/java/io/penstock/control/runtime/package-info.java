/// The folder that the processes of one instance share, and who owns what in it.
@NullMarked
package io.penstock.control.runtime;

import org.jspecify.annotations.NullMarked;
