/// Health checks: one event loop that probes every backend of every listener on its own schedule.
@NullMarked
package io.penstock.sidecar.health;

import org.jspecify.annotations.NullMarked;
