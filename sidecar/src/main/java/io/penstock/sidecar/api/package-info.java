/// The HTTP API: JSON under `/v1`, metrics, and the document that describes both.
@NullMarked
package io.penstock.sidecar.api;

import org.jspecify.annotations.NullMarked;
