package io.penstock.forwarder.linux;

import java.lang.foreign.MemorySegment;

/// Where the parts of an AF_XDP ring lie (linux/if_xdp.h, `struct xdp_ring_offset`).
///
/// @param map         the whole ring
/// @param producer    offset of the 32-bit producer index
/// @param consumer    offset of the 32-bit consumer index
/// @param flags       offset of the 32-bit flags
/// @param descriptors offset of the first descriptor
/// @param entries     descriptors, a power of two
public record RingMemory(MemorySegment map, long producer, long consumer, long flags, long descriptors, int entries) {}
