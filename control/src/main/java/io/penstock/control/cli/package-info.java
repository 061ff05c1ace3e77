/// What the subcommands of all modules share: options, exit codes, tables and JSON lines.
@NullMarked
package io.penstock.control.cli;

import org.jspecify.annotations.NullMarked;
