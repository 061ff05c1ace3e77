/// Views of packet headers and the rewriting of packets, in place.
@NullMarked
package io.penstock.flowtable.packet;

import org.jspecify.annotations.NullMarked;
