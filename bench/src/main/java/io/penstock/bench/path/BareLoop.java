package io.penstock.bench.path;

import io.penstock.flowtable.FlowHash;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.NativeMemory;
import io.penstock.flowtable.packet.DirectRewriter;
import io.penstock.flowtable.packet.PacketParser;
import io.penstock.flowtable.packet.ParsedBatch;
import java.util.Objects;

/// The least that a balancer does with a packet of a known flow, from the parts that the packet path is made of: parse,
/// hash, find, count, rewrite. No listener, no state, no limits. What the whole path costs is read against this, and
/// this against the same loop in C. One thread's own.
public final class BareLoop {
    private static final int BATCH = 64;
    private static final long OUR_MAC = 0x0200_0000_0001L;

    private final long[] addresses = new long[FlowFrames.COUNT]; // of the frames
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
        long address = NativeMemory.addressOf(frames.memory());
        for (int i = 0; i < addresses.length; i++) {
            addresses[i] = address
                    + Objects.checkFromIndexSize(
                            frames.offset(i), FlowFrames.LENGTH, frames.memory().byteSize());
        }
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
        ParsedBatch parsed = this.parsed;
        long[] addresses = this.addresses;
        for (int i = 0; i < BATCH; i++) {
            if (!PacketParser.parseCommon(addresses[first + i], FlowFrames.LENGTH, parsed, i)) {
                throw new AssertionError("frame " + (first + i));
            }
        }
    }

    private void locate() {
        ParsedBatch parsed = this.parsed;
        FlowTable flows = this.flows;
        FlowHash hash = this.hash;
        long[] buckets = this.buckets;
        for (int i = 0; i < BATCH; i++) {
            buckets[i] = flows.bucket(hash.hash4(parsed.addresses[i], parsed.transports[i]));
        }
    }

    private void touch() {
        FlowTable flows = this.flows;
        long[] buckets = this.buckets;
        long sum = 0;
        for (int i = 0; i < BATCH; i++) {
            sum += flows.touch(buckets[i]);
        }
        touched = sum;
    }

    private void find() {
        ParsedBatch parsed = this.parsed;
        FlowTable flows = this.flows;
        long[] buckets = this.buckets;
        long[] entries = this.entries;
        int[] further = this.further;
        int furtherCount = 0;
        for (int i = 0; i < BATCH; i++) {
            long entry = flows.findAtHome4(buckets[i], parsed.addresses[i], parsed.transports[i]);
            entries[i] = entry;
            if (entry == FlowTable.FURTHER) {
                further[furtherCount++] = i;
            }
        }
        findFurther(furtherCount);
    }

    private void findFurther(int count) {
        long sum = 0;
        for (int n = 0; n < count; n++) {
            sum += flows.touchNext(buckets[further[n]]);
        }
        touched += sum;
        for (int n = 0; n < count; n++) {
            int i = further[n];
            entries[i] = flows.findFurther4(buckets[i], parsed.addresses[i], parsed.transports[i]);
        }
    }

    private int rewrite(int first, int nowTicks) {
        ParsedBatch parsed = this.parsed;
        FlowTable flows = this.flows;
        long[] addresses = this.addresses;
        long[] entries = this.entries;
        long[] macs = this.macs;
        int found = 0;
        long sum = 0;
        for (int i = 0; i < BATCH; i++) {
            long entry = entries[i];
            if (entry != FlowTable.NONE) {
                long header = parsed.header(i);
                int length = ParsedBatch.packetLengthOf(header);
                long mac = macs[flows.row(entry)];
                flows.seen(entry, nowTicks, length);
                sum += length;
                DirectRewriter.rewrite4(addresses[first + i], ParsedBatch.l3OffsetOf(header), mac, OUR_MAC);
                found++;
            }
        }
        bytes += sum;
        return found;
    }
}
