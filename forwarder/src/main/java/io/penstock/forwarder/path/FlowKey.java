package io.penstock.forwarder.path;

import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.FlowTableReader;
import io.penstock.flowtable.TickClock;
import io.penstock.flowtable.packet.IpProtocol;
import io.penstock.flowtable.packet.ParsedBatch;

/// The 5-tuple at hand, of either family, for the rare steps; the common one works on the batch's arrays.
/// Reusable: a `load…` method fills it. One worker's own.
final class FlowKey {
    private final PathContext context;

    boolean isV6;
    long sourceHigh;
    long sourceLow;
    long destinationHigh;
    long destinationLow;
    int ports;
    int protocolBit;
    long hash;
    FlowTable table;
    /// Set by [#findElsewhere()], as the two below.
    int elsewhereRow;
    int elsewhereState;
    int elsewhereLastSeen;

    FlowKey(PathContext context) {
        this.context = context;
        table = context.flows4;
    }

    /// From a parsed frame whose hash is known.
    FlowKey load(int i) {
        copy(i);
        hash = context.hashes[i];
        return this;
    }

    /// From a parsed first fragment; its hash is computed here and noted for [Delivery].
    FlowKey loadFragment(int i) {
        copy(i);
        computeHash();
        context.hashes[i] = hash;
        return this;
    }

    private void copy(int i) {
        ParsedBatch parsed = context.parsed;
        isV6 = context.isV6(i);
        if (isV6) {
            sourceHigh = parsed.sourceHigh[i];
            sourceLow = parsed.sourceLow[i];
            destinationHigh = parsed.destinationHigh[i];
            destinationLow = parsed.destinationLow[i];
        } else {
            sourceHigh = 0;
            sourceLow = parsed.source4(i) & 0xffff_ffffL;
            destinationHigh = 0;
            destinationLow = parsed.destination4(i) & 0xffff_ffffL;
        }
        ports = parsed.ports(i);
        protocolBit = PathContext.protocolBit(parsed.protocol(i));
        table = isV6 ? context.flows6 : context.flows4;
    }

    /// From its fields.
    ///
    /// @param sourceHigh first 64 bits of an IPv6 source, 0 for IPv4; the same for the other address
    FlowKey set(
            boolean isV6,
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow,
            int ports,
            int protocolBit) {
        this.isV6 = isV6;
        this.sourceHigh = sourceHigh;
        this.sourceLow = sourceLow;
        this.destinationHigh = destinationHigh;
        this.destinationLow = destinationLow;
        this.ports = ports;
        this.protocolBit = protocolBit;
        table = isV6 ? context.flows6 : context.flows4;
        computeHash();
        return this;
    }

    private void computeHash() {
        int protocol = protocolBit == 0 ? IpProtocol.TCP : IpProtocol.UDP;
        hash = isV6
                ? context.hash.hash6(sourceHigh, sourceLow, destinationHigh, destinationLow, ports, protocol)
                : context.hash.hash4(addresses(), ports, protocol);
    }

    private long addresses() {
        return sourceLow << 32 | destinationLow;
    }

    int destinationPort() {
        return ports & 0xffff;
    }

    /// {@return the entry in this worker's table, or [FlowTable#NONE]}
    long find() {
        long bucket = table.bucket(hash);
        return isV6
                ? table.find6(bucket, sourceHigh, sourceLow, destinationHigh, destinationLow, ports, protocolBit)
                : table.find4(bucket, addresses(), ports, protocolBit);
    }

    /// {@return the new entry in this worker's table, or [FlowTable#NONE] when there is no room}
    long insert(int row, int generation, int state) {
        context.tablesChanged = true;
        long bucket = table.bucket(hash);
        int now = context.nowTicks;
        return isV6
                ? table.insert6(
                        bucket,
                        sourceHigh,
                        sourceLow,
                        destinationHigh,
                        destinationLow,
                        ports,
                        protocolBit,
                        row,
                        generation,
                        state,
                        now)
                : table.insert4(bucket, addresses(), ports, protocolBit, row, generation, state, now);
    }

    /// Looks for the flow in the tables of the other workers: its packets may have changed their queue. Of several
    /// entries, which a flow leaves behind that changed more than once, the one seen last speaks for it.
    ///
    /// @return whether it is there and alive, with a backend that still is the one it names; then
    ///     [#elsewhereRow] and its siblings tell
    boolean findElsewhere() {
        FlowTableReader[] readers = isV6 ? context.otherFlows6 : context.otherFlows4;
        boolean isFound = false;
        for (FlowTableReader reader : readers) {
            if (isIn(reader) && isAlive(reader) && (!isFound || isLaterThanFound(reader))) {
                isFound = true;
                elsewhereRow = reader.row();
                elsewhereState = reader.state();
                elsewhereLastSeen = reader.lastSeen();
            }
        }
        return isFound;
    }

    private boolean isIn(FlowTableReader reader) {
        return isV6
                ? reader.find6(
                        reader.bucket(hash), sourceHigh, sourceLow, destinationHigh, destinationLow, ports, protocolBit)
                : reader.find4(reader.bucket(hash), addresses(), ports, protocolBit);
    }

    private boolean isAlive(FlowTableReader reader) {
        return isCurrent(reader.row(), reader.generation())
                && TickClock.elapsed(context.nowTicks, reader.lastSeen())
                        <= FlowExpiry.timeoutTicks(reader.state(), context.records.idleTicks(reader.row()));
    }

    private boolean isLaterThanFound(FlowTableReader reader) {
        return TickClock.elapsed(reader.lastSeen(), elsewhereLastSeen) > 0;
    }

    private boolean isCurrent(int row, int generation) {
        return (context.records.flags(row) & BackendRecords.IN_USE) != 0
                && context.records.generation(row) == generation;
    }

    /// {@return hash of the client's address under a listener's prefix}
    long clientHash(LiveListener listener) {
        return isV6
                ? context.hash.client6(sourceHigh, sourceLow, listener.config().persistencePrefix6())
                : context.hash.client4((int) sourceLow, listener.config().persistencePrefix4());
    }
}
