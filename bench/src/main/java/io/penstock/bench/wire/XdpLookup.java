package io.penstock.bench.wire;

import io.penstock.bench.kernel.KernelTables;
import io.penstock.bench.kernel.LookupProgram;
import io.penstock.control.runtime.HashKey;
import io.penstock.flowtable.FlowHash;
import io.penstock.flowtable.FlowState;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.TickClock;
import io.penstock.forwarder.linux.BpfLink;
import io.penstock.forwarder.linux.BpfProgram;
import io.penstock.forwarder.linux.FrameSink;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.TrafficGenerator;
import io.penstock.forwarder.path.BackendRecords;
import java.io.IOException;

/// A prototype: established flows forwarded inside the kernel, by an XDP program that looks into a worker's flow table.
/// The flows that the generator sends are entered beforehand, as the worker would have entered them.
///
/// @param flows how many
record XdpLookup(int flows) implements Subject {
    private static final int VIP = 0xc000_0201; // BenchNetwork.VIP
    private static final int UDP = 17;
    private static final int LINK_MTU = 1500;
    private static final long IDLE_MS = 3_600_000;

    @Override
    public String name() {
        return "xdp-lookup";
    }

    @Override
    public String testCase() {
        return "dr";
    }

    @Override
    public String port() {
        return "";
    }

    @Override
    public FrameSink.Place sinkPlace() {
        return FrameSink.Place.XDP;
    }

    @Override
    public Running start(BenchNetwork network) throws IOException {
        long limit = Math.max(1 << 16, flows * 3L / 2);
        KernelTables tables = new KernelTables(limit, BenchNetwork.BACKENDS);
        try {
            FlowTable table = new FlowTable(FlowTable.Shape.IPV4, tables.flows(), limit);
            FlowHash hash = new FlowHash(HashKey.ZERO.high(), HashKey.ZERO.low());
            describe(new BackendRecords(tables.records()), network.generatorMac());
            enter(table, hash);
            BpfLink link = attach(network, tables, table, hash);
            return () -> {
                link.close();
                tables.close();
            };
        } catch (LinuxException | IOException e) {
            tables.close();
            throw new IOException(e.getMessage(), e);
        }
    }

    private static void describe(BackendRecords records, long mac) {
        for (int row = 0; row < BenchNetwork.BACKENDS; row++) {
            int flags = BackendRecords.IN_USE | BackendRecords.ACCEPTS_NEW | BackendRecords.HEALTHY;
            records.describe(row, 1, flags, 0, TickClock.ticksOfMs(IDLE_MS), 0, 0, 0);
            records.reach(row, mac, LINK_MTU);
        }
    }

    private void enter(FlowTable table, FlowHash hash) throws IOException {
        int now = TickClock.ticks(System.nanoTime());
        for (int number = 0; number < flows; number++) {
            long addresses = (long) TrafficGenerator.source(number) << 32 | (VIP & 0xffff_ffffL);
            int ports = TrafficGenerator.sourcePort(number) << 16 | BenchNetwork.PORT;
            long bucket = table.bucket(hash.hash4(addresses, ports, UDP));
            int row = number % BenchNetwork.BACKENDS;
            if (table.insert4(bucket, addresses, ports, FlowTable.UDP, row, 1, FlowState.ESTABLISHED, now)
                    == FlowTable.NONE) {
                throw new IOException("no room for flow " + number);
            }
        }
    }

    private static BpfLink attach(BenchNetwork network, KernelTables tables, FlowTable table, FlowHash hash)
            throws IOException {
        long mac = network.forwarderMac();
        try (var _ = network.enter(network.forwarderSide());
                BpfProgram program =
                        LookupProgram.load(tables, hash, table.lineCount(), mac, LookupProgram.Extent.WHOLE, _ -> {})) {
            LinuxInterface nic = LinuxInterface.read(network.forwarderLink());
            return BpfLink.attachXdp(program, nic.name(), nic.index());
        }
    }
}
