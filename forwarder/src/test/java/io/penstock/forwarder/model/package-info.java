/// The packet path a second time, as plain as can be: byte arrays, hash maps, checksums added up from the first byte.
/// It shares no code with what it is compared to, but for the configuration that both read.
@NullMarked
package io.penstock.forwarder.model;

import org.jspecify.annotations.NullMarked;
