package io.penstock.flowtable;

import io.penstock.flowtable.FlowTable.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Flows by number, of either shape, so that one test serves both. Neighbouring numbers differ in one field only: the
/// protocol, a port, an address.
///
/// @param shape which addresses
/// @param hash  of all flows
/// @param homes 0 for buckets by the whole hash; else the flows share so many home lines
record TestFlows(Shape shape, FlowHash hash, long homes) {
    private static final long VIP4 = 0xcb00710aL;
    private static final long VIP6_HIGH = 0x20010db8_00000000L;
    private static final long VIP6_LOW = 0x35L;

    TestFlows(Shape shape) {
        this(shape, new FlowHash(1, 2), 0);
    }

    /// Ticks that wrap soon in 24 and in 32 bits.
    static final int START_TICKS = -1000;

    MemorySegment memory(long limit) {
        return Arena.ofAuto().allocate(FlowTable.bytesFor(shape, limit), 128);
    }

    FlowTable table(long limit) {
        return new FlowTable(shape, memory(limit), limit);
    }

    int protocolBit(int id) {
        return id & 1;
    }

    int ports(int id) {
        return ((1024 + ((id >>> 3) & 3)) << 16) | (440 + ((id >>> 1) & 3));
    }

    long addresses4(int id) {
        return ((0x0a000000L + (id >>> 5)) << 32) | VIP4;
    }

    private long sourceHigh(int id) {
        return VIP6_HIGH + ((id >>> 5) & 3);
    }

    private long sourceLow(int id) {
        return (long) id >>> 7;
    }

    int id(FlowTable table, long entry) {
        return shape == Shape.IPV4
                ? id(table.addresses4(entry), table.ports(entry), table.protocolBit(entry))
                : id(table.sourceHigh(entry), table.sourceLow(entry), table.ports(entry), table.protocolBit(entry));
    }

    int id(FlowTableReader reader) {
        return shape == Shape.IPV4
                ? id(reader.addresses4(), reader.ports(), reader.protocolBit())
                : id(reader.sourceHigh(), reader.sourceLow(), reader.ports(), reader.protocolBit());
    }

    private static int id(long addresses4, int ports, int protocolBit) {
        return ((int) ((addresses4 >>> 32) - 0x0a000000) << 5) | portsId(ports, protocolBit);
    }

    private static int id(long sourceHigh, long sourceLow, int ports, int protocolBit) {
        return ((int) sourceLow << 7) | ((int) (sourceHigh - VIP6_HIGH) << 5) | portsId(ports, protocolBit);
    }

    private static int portsId(int ports, int protocolBit) {
        return (((ports >>> 16) - 1024) << 3) | (((ports & 0xffff) - 440) << 1) | protocolBit;
    }

    long hash(int id) {
        int protocol = protocolBit(id) == FlowTable.TCP ? 6 : 17;
        long whole = shape == Shape.IPV4
                ? hash.hash4(addresses4(id), ports(id), protocol)
                : hash.hash6(sourceHigh(id), sourceLow(id), VIP6_HIGH, VIP6_LOW, ports(id), protocol);
        return homes == 0 ? whole : Long.remainderUnsigned(whole, homes);
    }

    long find(FlowTable table, int id) {
        long bucket = table.bucket(hash(id));
        return shape == Shape.IPV4
                ? table.find4(bucket, addresses4(id), ports(id), protocolBit(id))
                : table.find6(bucket, sourceHigh(id), sourceLow(id), VIP6_HIGH, VIP6_LOW, ports(id), protocolBit(id));
    }

    boolean find(FlowTableReader reader, int id) {
        long bucket = reader.bucket(hash(id));
        return shape == Shape.IPV4
                ? reader.find4(bucket, addresses4(id), ports(id), protocolBit(id))
                : reader.find6(bucket, sourceHigh(id), sourceLow(id), VIP6_HIGH, VIP6_LOW, ports(id), protocolBit(id));
    }

    long insert(FlowTable table, int id, int row, int generation, int state, int nowTicks) {
        long bucket = table.bucket(hash(id));
        return shape == Shape.IPV4
                ? table.insert4(bucket, addresses4(id), ports(id), protocolBit(id), row, generation, state, nowTicks)
                : table.insert6(
                        bucket,
                        sourceHigh(id),
                        sourceLow(id),
                        VIP6_HIGH,
                        VIP6_LOW,
                        ports(id),
                        protocolBit(id),
                        row,
                        generation,
                        state,
                        nowTicks);
    }
}
