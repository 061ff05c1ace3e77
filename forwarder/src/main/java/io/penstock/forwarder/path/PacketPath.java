package io.penstock.forwarder.path;

import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.FlowHash;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.packet.EthernetView;
import io.penstock.flowtable.packet.PacketKind;
import io.penstock.flowtable.packet.PacketParser;
import io.penstock.flowtable.packet.ParsedBatch;
import io.penstock.forwarder.port.FrameBatch;
import java.util.Objects;

/// The packet's journey: what becomes of each frame of a batch. See ARCHITECTURE.md for the same in words.
///
/// 1. **Parse** every frame: what is it, to whom, which 5-tuple.
/// 2. **Locate** every flow: hash its key, then touch its line of the flow table.
/// 3. **Find** every flow, in its own line first, then in further ones.
/// 4. **Act** on each frame by its kind: a known flow goes to its backend ([KnownFlows]), a new one gets a backend
///    ([NewFlows]), and what is not common about either is [FlowForwarding]'s; fragments, ICMP, ARP and neighbour
///    discovery have a step of their own.
/// 5. **Rewrite** what goes to a backend ([Delivery]) or back to where it came from ([Replies]).
///
/// The steps run over the whole batch, one after the other, so that the cache misses of its frames overlap. Each step
/// is a method small enough for C2 to compile on its own. Nothing is allocated, nothing is thrown; every frame ends in
/// exactly one of [Disposition]'s methods.
///
/// One worker's own; not thread-safe.
public final class PacketPath {
    private static final int RECEIVED_BYTES = WorkerCounter.RECEIVED_BYTES.id();

    private final PathContext context;
    private final ParsedBatch parsed;
    private final FlowHash hash;
    private final FlowTable flows4;
    private final FlowTable flows6;
    private final KnownFlows known;
    private final NewFlows newFlows;
    private final FlowForwarding flows;
    private final FragmentForwarding fragments;
    private final IcmpHandling icmp;
    private final NeighbourHandling neighbours;
    private final long[] hashes;
    private final long[] buckets;
    private final long[] entries;
    private final long[] buckets6;
    private final int[] further;
    private final int[] odd;
    private int oddCount;
    private long touched;

    /// @param context what the steps share
    public PacketPath(PathContext context) {
        this.context = context;
        parsed = context.parsed;
        hash = context.hash;
        flows4 = context.flows4;
        flows6 = context.flows6;
        hashes = context.hashes;
        buckets = new long[hashes.length];
        entries = new long[hashes.length];
        buckets6 = new long[hashes.length];
        further = new int[hashes.length];
        odd = new int[hashes.length];
        Disposition disposition = context.disposition;
        Replies replies = new Replies(context, disposition);
        Delivery delivery = new Delivery(context, disposition, replies);
        known = new KnownFlows(context, disposition, hashes.length);
        flows = new FlowForwarding(context, disposition, delivery, replies);
        newFlows = new NewFlows(context, disposition, flows, hashes.length);
        fragments = new FragmentForwarding(context, disposition, delivery, flows);
        neighbours = new NeighbourHandling(context, disposition);
        icmp = new IcmpHandling(context, disposition, delivery, replies, flows, neighbours);
    }

    /// Decides on every received frame of the batch and rewrites it where it lies.
    ///
    /// @param listeners the table in force
    /// @param nowNs     monotonic time, read once for the batch
    public void process(FrameBatch batch, ListenerTable listeners, long nowNs) {
        context.begin(batch, listeners, nowNs);
        int received = batch.received;
        parse(batch, received);
        locate(received);
        touch(received);
        find(received);
        act(received);
    }

    /// What is due behind every batch, the empty one too: fragments that waited, flows that ran out of time.
    ///
    /// @return whether there is more to do
    public boolean tidy() {
        fragments.releaseWaiting();
        context.disposition.end(context.batch.size);
        return context.expiry.sweep();
    }

    /// The send ring had no room for the last `count` frames that were to be sent: they are dropped.
    ///
    /// @param size frames of the batch
    public void notSent(FrameBatch batch, int size, int count) {
        for (int i = size - 1, left = count; left > 0; i--) {
            if (batch.verdicts[i] == FrameBatch.SEND) {
                context.disposition.notSent(i);
                left--;
            }
        }
    }

    // One check a frame, that it lies in the port's memory; what the parser reads of it, its length allows. Here as in
    // the loops below, what is not common is noted and done in a loop of its own: with a call in it, a loop would load
    // every field anew for each frame and check every index.
    private void parse(FrameBatch batch, int received) {
        ParsedBatch parsed = this.parsed;
        long[] offsets = batch.offsets;
        int[] lengths = batch.lengths;
        int[] uncommon = this.odd;
        long memory = context.address;
        long memoryLength = context.memory.byteSize();
        long bytes = 0;
        int uncommonCount = 0;
        for (int i = 0; i < received; i++) {
            long offset = Objects.checkFromIndexSize(offsets[i], lengths[i], memoryLength);
            if (!PacketParser.parseCommon(memory + offset, lengths[i], parsed, i)) {
                uncommon[uncommonCount++] = i;
            }
            bytes += lengths[i];
        }
        for (int n = 0; n < uncommonCount; n++) {
            int i = uncommon[n];
            PacketParser.parse(context.memory, offsets[i], lengths[i], parsed, i);
        }
        context.counters.add(RECEIVED_BYTES, bytes);
    }

    private void locate(int received) {
        ParsedBatch parsed = this.parsed;
        FlowTable flows4 = this.flows4;
        FlowHash hash = this.hash;
        long[] hashes = this.hashes;
        long[] buckets = this.buckets;
        int[] odd = this.odd;
        int count = 0;
        for (int i = 0; i < received; i++) {
            long flowHash = hash.hash4(parsed.addresses[i], parsed.transports[i]);
            hashes[i] = flowHash;
            buckets[i] = flows4.bucket(flowHash); // A line to touch like any other, also where it stands for nothing.
            if (parsed.kind(i) != PacketKind.FLOW4) {
                odd[count++] = i;
            }
        }
        oddCount = count;
        for (int n = 0; n < count; n++) {
            if (parsed.kind(odd[n]) == PacketKind.FLOW6) {
                locate6(odd[n]);
            }
        }
    }

    private void locate6(int i) {
        hashes[i] = hash.hash6(
                parsed.sourceHigh[i],
                parsed.sourceLow[i],
                parsed.destinationHigh[i],
                parsed.destinationLow[i],
                parsed.ports(i),
                parsed.protocol(i));
        buckets6[i] = flows6.bucket(hashes[i]);
    }

    // A loop with nothing but the loads: the processor looks only so many instructions ahead, and the fewer of them lie
    // between two loads, the more cache misses are under way at once. In one loop with the hash a packet of a million
    // flows took 21 ns longer.
    private void touch(int received) {
        FlowTable flows4 = this.flows4;
        long[] buckets = this.buckets;
        long sum = 0;
        for (int i = 0; i < received; i++) {
            sum += flows4.touch(buckets[i]);
        }
        for (int n = 0; n < oddCount; n++) {
            if (parsed.kind(odd[n]) == PacketKind.FLOW6) {
                sum += flows6.touch(buckets6[odd[n]]);
            }
        }
        touched = sum; // Kept, so that the loads above are not dead code.
    }

    private void find(int received) {
        ParsedBatch parsed = this.parsed;
        FlowTable flows4 = this.flows4;
        long[] buckets = this.buckets;
        long[] entries = this.entries;
        int[] further = this.further;
        int furtherCount = 0;
        for (int i = 0; i < received; i++) {
            long entry = flows4.findAtHome4(buckets[i], parsed.addresses[i], parsed.transports[i]);
            entries[i] = entry;
            if (entry == FlowTable.FURTHER) {
                further[furtherCount++] = i;
            }
        }
        findFurther(furtherCount);
        for (int n = 0; n < oddCount; n++) {
            int i = odd[n];
            entries[i] = parsed.kind(i) == PacketKind.FLOW6 ? find6(i) : FlowTable.NONE;
        }
    }

    /// Looks beyond the home lines, where a flow in six lies in a table half full.
    private void findFurther(int count) {
        long sum = 0;
        for (int n = 0; n < count; n++) {
            sum += flows4.touchNext(buckets[further[n]]);
        }
        touched += sum;
        for (int n = 0; n < count; n++) {
            int i = further[n];
            entries[i] = flows4.findFurther4(buckets[i], parsed.addresses[i], parsed.transports[i]);
        }
    }

    private long find6(int i) {
        return flows6.find6(
                buckets6[i],
                parsed.sourceHigh[i],
                parsed.sourceLow[i],
                parsed.destinationHigh[i],
                parsed.destinationLow[i],
                parsed.ports(i),
                PathContext.protocolBit(parsed.protocol(i)));
    }

    private void act(int received) {
        int left = known.forward(received, entries);
        if (left > 0) {
            actOnRest(known.rest(), left);
        }
    }

    private void actOnRest(int[] rest, int count) {
        newFlows.choose(rest, count, entries, buckets);
        int n = 0;
        while (n < count) {
            n = newFlows.forward(rest, n, count, buckets);
            if (n < count) {
                actOn(rest[n++]);
            }
        }
    }

    private void actOn(int i) {
        byte kind = parsed.kind(i);
        if (kind == PacketKind.FLOW4) {
            flows.forward(i, flows4, entries[i]);
        } else if (kind == PacketKind.FLOW6) {
            flows.forward(i, flows6, entries[i]);
        } else {
            actOnOdd(i, kind);
        }
    }

    private void actOnOdd(int i, byte kind) {
        switch (kind) {
            case PacketKind.FRAGMENT4, PacketKind.FRAGMENT6 -> fragments.forward(i);
            case PacketKind.ICMP4, PacketKind.ICMP6 -> icmp.handle(i);
            case PacketKind.ARP -> neighbours.arp(i);
            default -> flows.refuse(i, kind);
        }
    }

    /// Adds announcements of a VIP to the batch: neighbours learn that it is with us.
    public void announce(IpKey vip) {
        if (vip.isV6()) {
            neighbours.announce6(EthernetView.NO_TAG, vip.high(), vip.low());
        } else {
            neighbours.announce4(EthernetView.NO_TAG, (int) vip.low());
        }
    }

    /// {@return how each frame of the last batch ended}
    public Disposition disposition() {
        return context.disposition;
    }

    /// {@return what was read from each frame of the last batch}
    public ParsedBatch parsed() {
        return parsed;
    }

    /// {@return what the last [#process] touched, so that nobody can optimise the touching away}
    public long touched() {
        return touched;
    }
}
