package io.penstock.control.config;

/// `forwarder.packet-ring`: version of the AF_PACKET receive ring (packet_mmap in the kernel's documentation).
public enum PacketRing implements Keyword {
    /// TPACKET_V2: a slot for each frame, readable at once.
    V2,
    /// TPACKET_V3: blocks of frames, readable when full or after a timer; more throughput, more latency.
    V3,
}
