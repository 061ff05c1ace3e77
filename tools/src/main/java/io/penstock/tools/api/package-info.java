/// How the tools talk to the sidecar: its API over the Unix socket in the runtime folder.
@NullMarked
package io.penstock.tools.api;

import org.jspecify.annotations.NullMarked;
