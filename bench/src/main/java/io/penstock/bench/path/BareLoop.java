package io.penstock.bench.path;

import io.penstock.flowtable.FlowHash;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.packet.DirectRewriter;
import io.penstock.flowtable.packet.PacketKind;
import io.penstock.flowtable.packet.PacketParser;
import io.penstock.flowtable.packet.ParsedBatch;

/// The least that a balancer does with a packet of a known flow, from the parts that the packet path is made of: parse,
/// hash, find, count, rewrite. No listener, no state, no limits. What the whole path costs is read against this, and
/// this against the same loop in C. One thread's own.
public final class BareLoop {
    private static final int BATCH = 64;
    private static final long OUR_MAC = 0x0200_0000_0001L;

    private final FlowFrames frames;
    private final FlowTable flows;
    private final FlowHash hash;
    private final ParsedBatch parsed = new ParsedBatch(BATCH);
    private final long[] buckets = new long[BATCH];
    private final long[] entries = new long[BATCH];
    private final int[] further = new int[BATCH];
    private final long[] macs;
    private long touched;
    private long packets;
    private long bytes;

    /// @param backends rows that entries may name
    public BareLoop(FlowFrames frames, FlowTable flows, FlowHash hash, int backends) {
        this.frames = frames;
        this.flows = flows;
        this.hash = hash;
        macs = new long[backends];
        for (int row = 0; row < backends; row++) {
            macs[row] = 0x0200_0001_0000L + row;
        }
    }

    /// Forwards all frames of the [FlowFrames], batch by batch.
    ///
    /// @return how many belong to a known flow
    public int run(int nowTicks) {
        int found = 0;
        for (int first = 0; first < FlowFrames.COUNT; first += BATCH) {
            parse(first);
            locate();
            touch();
            find();
            found += rewrite(first, nowTicks);
        }
        packets += found;
        return found;
    }

    /// {@return frames and bytes counted, and what the touches read, so that none of them is dead code}
    public long checksum() {
        return packets ^ bytes ^ touched;
    }

    private void parse(int first) {
        for (int i = 0; i < BATCH; i++) {
            PacketParser.parse(frames.memory(), frames.offset(first + i), FlowFrames.LENGTH, parsed, i);
        }
    }

    private void locate() {
        for (int i = 0; i < BATCH; i++) {
            if (parsed.kinds[i] == PacketKind.FLOW4) {
                buckets[i] = flows.bucket(hash.hash4(parsed.addresses[i], parsed.ports[i], parsed.protocols[i]));
            }
        }
    }

    private void touch() {
        long sum = 0;
        for (int i = 0; i < BATCH; i++) {
            sum += parsed.kinds[i] == PacketKind.FLOW4 ? flows.touch(buckets[i]) : 0;
        }
        touched = sum;
    }

    private void find() {
        int furtherCount = 0;
        for (int i = 0; i < BATCH; i++) {
            if (parsed.kinds[i] != PacketKind.FLOW4) {
                entries[i] = FlowTable.NONE;
                continue;
            }
            entries[i] = flows.findAtHome4(
                    buckets[i], parsed.addresses[i], parsed.ports[i], FlowTable.protocolBit(parsed.protocols[i]));
            if (entries[i] == FlowTable.FURTHER) {
                further[furtherCount++] = i;
            }
        }
        if (furtherCount > 0) {
            findFurther(furtherCount);
        }
    }

    private void findFurther(int count) {
        long sum = 0;
        for (int n = 0; n < count; n++) {
            sum += flows.touchNext(buckets[further[n]]);
        }
        touched += sum;
        for (int n = 0; n < count; n++) {
            int i = further[n];
            entries[i] = flows.find4(
                    buckets[i], parsed.addresses[i], parsed.ports[i], FlowTable.protocolBit(parsed.protocols[i]));
        }
    }

    private int rewrite(int first, int nowTicks) {
        int found = 0;
        for (int i = 0; i < BATCH; i++) {
            long entry = entries[i];
            if (entry != FlowTable.NONE) {
                int length = parsed.packetLengths[i];
                flows.seen(entry, nowTicks, length);
                bytes += length;
                DirectRewriter.rewrite4(
                        frames.memory(),
                        frames.offset(first + i),
                        parsed.l3Offsets[i],
                        macs[flows.row(entry)],
                        OUR_MAC);
                found++;
            }
        }
        return found;
    }
}
