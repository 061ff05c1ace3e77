package io.penstock.control.config;

import io.penstock.control.runtime.HashKey;
import java.net.InetAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The keys that start with `forwarder.`: read once at start, passed down by constructor.
///
/// @param interfaceName the NIC to take frames from, or null where the file does not say (then nothing can run)
/// @param packetRing    TPACKET version, where AF_PACKET rings are used
/// @param cpus          one pinned worker for each, in order
/// @param batchFrames   most frames in a duty cycle, 8..512
/// @param flowCapacity  flow-table entries over all workers
/// @param tunnelSources outer source addresses, at most one of each family; empty for the interface's own
/// @param arp           whether ARP and neighbour solicitations for the VIPs are answered
/// @param metricsLatency whether per-packet processing time is sampled
/// @param hashKey       the secret of the flow hash, or null for a random key kept in the runtime folder
public record ForwarderConfig(
        @Nullable String interfaceName,
        PortMode port,
        PacketRing packetRing,
        TransportKind transport,
        List<Integer> cpus,
        IdleMode idle,
        int batchFrames,
        long flowCapacity,
        List<InetAddress> tunnelSources,
        boolean arp,
        HugePages hugePages,
        boolean metricsLatency,
        @Nullable HashKey hashKey) {

    /// Copies the lists.
    public ForwarderConfig {
        cpus = List.copyOf(cpus);
        tunnelSources = List.copyOf(tunnelSources);
    }
}
