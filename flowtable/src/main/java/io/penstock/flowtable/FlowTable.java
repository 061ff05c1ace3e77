package io.penstock.flowtable;

import static io.penstock.flowtable.FlowLayout.*;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// The flows of one worker, off-heap: 5-tuple to backend, with state, times and counts. IPv4 and IPv6 flows have a
/// table each; the layout, which an eBPF program could read and update in place, is drawn in `FlowLayout`.
///
/// An entry is named by its byte offset, which stays the same until the flow is removed. A caller works in stages
/// over a batch: [#bucket] of all packets, [#touch] them all, then find, so that cache misses overlap.
///
/// **Full.** A flow lies in its home line or some steps from it, where there was room: a new flow takes the first
/// free slot within [#STEPS_MAX] steps. In the first [#REPLACE_STEPS] lines it may also take the place of an expired
/// flow, and, if there is no free slot, of one that is reset, closing or half-open, in this order, unless it is
/// half-open itself. So no flood of SYNs displaces a flow that is alive. Once such a flow has found no place in a table
/// at its limit, those after it within the same tick ask in their home line alone: eight lines of each SYN of a flood
/// would push everything else out of the caches.
///
/// **Threads and processes.** One thread writes. Others, also in other processes, read through [FlowTableReader]. An
/// entry's first word is its publication: it is written last with release, and cleared first. A writer killed between
/// any two stores leaves every flow with its own backend or without an entry.
///
/// **Time** is ticks of [TickClock]. Expiry is lazy (an expired entry is found until it is swept or replaced;
/// the caller looks at its time) and incremental ([#sweep]). Nothing here scans the table but the constructor and
/// [#resume].
///
/// Nothing is allocated after construction.
public final class FlowTable {
    /// What find and insert return instead of an entry.
    public static final long NONE = -1;

    /// What [#findAtHome4] returns when the flow may lie in a further line.
    public static final long FURTHER = -2;

    /// Protocol bit of TCP.
    public static final int TCP = 0;

    /// Protocol bit of UDP.
    public static final int UDP = 1;

    /// Most steps from its home line that a flow may lie. With 90 % of the slots in use 84 % of the lines of two
    /// are full and 0.84^256 of the new flows find no room: none. With 97 % it is 95 %, and one in 670,000.
    public static final int STEPS_MAX = 255;

    /// Steps from the home line within which a new flow may replace another one. Few, since the owner is asked for
    /// each, in a flood of new flows over a full table at every packet.
    public static final int REPLACE_STEPS = 7;

    /// Which addresses the table holds.
    public enum Shape {
        /// 32 bytes an entry, and 4 for the creation time.
        IPV4(32),
        /// 64 bytes an entry.
        IPV6(64);

        private final int entryLength;

        Shape(int entryLength) {
            this.entryLength = entryLength;
        }

        /// {@return bytes of an entry}
        public int entryLength() {
            return entryLength;
        }

        int slotsPerLine() {
            return (int) LINE_LENGTH / entryLength;
        }
    }

    /// Knows what a flow means to its listener. Called by the table's own thread, from insert, sweep and remove.
    /// Must not change the table.
    public interface Owner {
        /// {@return whether a live flow has outlived its timeout or its backend}
        ///
        /// @param table    the asking table
        /// @param entry    a live entry
        /// @param nowTicks the caller's time
        boolean isExpired(FlowTable table, long entry, int nowTicks);

        /// Called just before a flow is forgotten, whatever the reason; the entry can still be read.
        ///
        /// @param table the table
        /// @param entry a live entry
        void removed(FlowTable table, long entry);
    }

    /// Sees each store of a change, in order. Tests replay them as if the process had been killed in between.
    interface StoreObserver {
        void stored(long offset, long value, int length);
    }

    private static final Owner NOBODY = new Owner() {
        @Override
        public boolean isExpired(FlowTable table, long entry, int nowTicks) {
            return false;
        }

        @Override
        public void removed(FlowTable table, long entry) {}
    };

    private final Shape shape;
    private final MemorySegment memory;
    private final long address; // of the memory
    private final long limit;
    private final long slots;
    private final long entryLength;
    private final long lineMask;
    private final long created4;
    private final int stepsMax;
    private long size;
    private long cursor = HEADER_LENGTH;
    private long fruitlessTick = Long.MIN_VALUE; // in which a half-open flow found no place, and no tick at first
    private Owner owner = NOBODY;
    private @Nullable StoreObserver observer;

    /// Opens the table that is in the memory, or makes one of fresh zeros. It has as many slots as the memory has
    /// room for, a power of two.
    ///
    /// @param shape  which addresses it holds
    /// @param memory at least [#bytesFor(Shape, long)], outside the heap, aligned to 8 bytes, better to 128; mapped
    ///               from a file to survive
    /// @param limit  most live flows
    /// @throws IllegalArgumentException when the memory is too short or holds something else
    public FlowTable(Shape shape, MemorySegment memory, long limit) {
        long lines = lines(shape, limit, memory);
        this.shape = shape;
        this.memory = memory.asSlice(0, length(shape, lines));
        address = NativeMemory.addressOf(this.memory);
        this.limit = limit;
        slots = lines * shape.slotsPerLine();
        entryLength = shape.entryLength();
        lineMask = (lines << LINE_SHIFT) - 1;
        created4 = HEADER_LENGTH + (lines << LINE_SHIFT);
        stepsMax = (int) Math.min(lines - 1, STEPS_MAX);
        if (memory.get(WORD, MAGIC_OFFSET) == 0) {
            format();
        } else {
            String mismatch = mismatch(shape, memory, lines);
            if (!mismatch.isEmpty()) {
                throw new IllegalArgumentException(mismatch + "; set the old table aside");
            }
            size = count();
        }
    }

    /// {@return the memory that a table needs, in bytes}
    ///
    /// There are as many slots as the power of two at or above the limit. A table with twice the memory, for the
    /// same limit, finds a flow faster when it is full: with 48 % of the slots in use a find reads 1.15 lines on
    /// average, with 90 % 2.0, with 95 % 2.6.
    ///
    /// @param shape which addresses it holds
    /// @param limit most live flows, 1 to 2^30
    public static long bytesFor(Shape shape, long limit) {
        return length(shape, lines(shape, limit));
    }

    /// {@return whether a table of this shape and limit can be opened on the memory, be it fresh or in use}
    ///
    /// @param shape  which addresses it holds
    /// @param memory any memory of at least 128 bytes
    /// @param limit  most live flows
    public static boolean canOpen(Shape shape, MemorySegment memory, long limit) {
        if (memory.byteSize() < bytesFor(shape, limit)) {
            return false;
        }
        return memory.get(WORD, MAGIC_OFFSET) == 0
                || mismatch(shape, memory, lines(shape, limit, memory)).isEmpty();
    }

    /// {@return the protocol bit of an IP protocol number}
    ///
    /// @param protocol 6 (TCP) or 17 (UDP)
    public static int protocolBit(int protocol) {
        assert protocol == 6 || protocol == 17 : "protocol=" + protocol;
        return protocol >>> 4;
    }

    /// Says who is asked and told about flows. Before that, none expires.
    ///
    /// @param owner the one owner
    public void setOwner(Owner owner) {
        this.owner = owner;
    }

    /// Makes times that a former process wrote fit this process's clock. Called once after opening, before
    /// packets.
    ///
    /// Flows of a table that was left alone for more than 24 hours are forgotten: all have expired. If the clock
    /// went back, since the machine was restarted, every flow counts as seen now.
    ///
    /// @param nowTicks the time
    public void resume(int nowTicks) {
        int idleTicks = nowTicks - memory.get(HALF, SWEPT_OFFSET);
        if (size > 0 && (idleTicks < 0 || idleTicks > TickClock.ticksOfMs(TickClock.LONGEST_MS))) {
            for (long entry = HEADER_LENGTH; entry < created4; entry += entryLength) {
                if (isLive(meta(entry))) {
                    if (idleTicks < 0) {
                        seen(entry, nowTicks, 0);
                        create(entry, nowTicks);
                    } else {
                        remove(entry);
                    }
                }
            }
        }
        HALVES.setOpaque(memory, SWEPT_OFFSET, nowTicks);
    }

    /// {@return the home line of a flow, as a byte offset}
    ///
    /// @param hash the flow's hash; its low bits count
    public long bucket(long hash) {
        return ((hash << LINE_SHIFT) & lineMask) + HEADER_LENGTH;
    }

    /// Loads a home line into the cache.
    ///
    /// @param bucket from [#bucket]
    /// @return some of its bits, for the caller to use up so that the compiler keeps the load
    public long touch(long bucket) {
        return word(bucket);
    }

    /// {@return the entry of an IPv4 flow, or [#NONE]}
    ///
    /// @param bucket      from [#bucket] and the flow's hash
    /// @param addresses   source in the high half, destination in the low one
    /// @param ports       source port in the high half, destination port in the low one
    /// @param protocolBit [#TCP] or [#UDP]
    public long find4(long bucket, long addresses, int ports, int protocolBit) {
        long key = key(ports, protocolBit);
        long entry = findAtHome(bucket, addresses, key);
        return entry == FURTHER ? findFurther(bucket, addresses, key) : entry;
    }

    /// Looks for an IPv4 flow in its home line alone, which [#touch] has brought near. A caller that gets [#FURTHER]
    /// for some flows of a batch touches the next line of each ([#touchNext]) before it asks [#findFurther4]:
    /// these misses overlap too.
    ///
    /// @param bucket    as for [#find4]
    /// @param addresses as for [#find4]
    /// @param transport ports in the low 32 bits, as for [#find4], the protocol (6 or 17) above them
    /// @return the entry, [#NONE], or [#FURTHER]
    public long findAtHome4(long bucket, long addresses, long transport) {
        return findAtHome(bucket, addresses, key(transport));
    }

    /// Looks for an IPv4 flow beyond its home line.
    ///
    /// @param bucket    as for [#findAtHome4], which found [#FURTHER]
    /// @param addresses as for [#findAtHome4]
    /// @param transport as for [#findAtHome4]
    /// @return the entry, or [#NONE]
    public long findFurther4(long bucket, long addresses, long transport) {
        return findFurther(bucket, addresses, key(transport));
    }

    private long findAtHome(long bucket, long addresses, long key) {
        if (isEntry4(bucket, addresses, key)) {
            return bucket;
        }
        long second = bucket + ENTRY4_LENGTH;
        if (isEntry4(second, addresses, key)) {
            return second;
        }
        return reach(word(bucket + COUNTS)) == 0 ? NONE : FURTHER;
    }

    /// Loads the line that is one step from a home line into the cache.
    ///
    /// @param bucket from [#bucket]
    /// @return as [#touch]
    public long touchNext(long bucket) {
        return word(lineAt(bucket, 1, lineMask));
    }

    /// Loads what [#insert4] needs beside the home line into the cache: its creation times or, where it is full, the
    /// next line.
    ///
    /// @param bucket from [#bucket], of a line that is in the cache
    /// @return as [#touch]
    public long touchForInsert(long bucket) {
        boolean isFull = isLive(meta(bucket)) && isLive(meta(bucket + ENTRY4_LENGTH));
        return word(isFull ? lineAt(bucket, 1, lineMask) : createdOffset(Shape.IPV4, bucket, created4));
    }

    /// {@return the entry of an IPv6 flow, or [#NONE]}
    ///
    /// @param bucket          from [#bucket] and the flow's hash
    /// @param sourceHigh      first eight bytes of the source address, big-endian
    /// @param sourceLow       last eight bytes
    /// @param destinationHigh first eight bytes of the destination address
    /// @param destinationLow  last eight bytes
    /// @param ports           source port in the high half, destination port in the low one
    /// @param protocolBit     [#TCP] or [#UDP]
    public long find6(
            long bucket,
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow,
            int ports,
            int protocolBit) {
        long key = key(ports, protocolBit);
        if (isEntry6(bucket, sourceHigh, sourceLow, destinationHigh, destinationLow, key)) {
            return bucket;
        }
        int reach = reach(word(bucket + COUNTS));
        return reach == 0
                ? NONE
                : findFurther6(bucket, reach, sourceHigh, sourceLow, destinationHigh, destinationLow, key);
    }

    /// Adds an IPv4 flow that is not in the table. It has no packets yet.
    ///
    /// @param bucket      from [#bucket] and the flow's hash
    /// @param addresses   as for [#find4]
    /// @param ports       as for [#find4]
    /// @param protocolBit as for [#find4]
    /// @param row         backend row, below 2^20
    /// @param generation  the row's generation, below 2^6
    /// @param state       one of [FlowState], not empty
    /// @param nowTicks    the time
    /// @return the entry, or [#NONE] when there is no room
    public long insert4(
            long bucket, long addresses, int ports, int protocolBit, int row, int generation, int state, int nowTicks) {
        assert find4(bucket, addresses, ports, protocolBit) == NONE : "the flow has an entry";
        long entry = claim(bucket, state, nowTicks);
        if (entry != NONE) {
            store(entry + ADDRESSES, addresses);
            publish(entry, key(ports, protocolBit), row, generation, state, nowTicks);
        }
        return entry;
    }

    /// Adds an IPv6 flow that is not in the table. It has no packets yet.
    ///
    /// @param bucket          from [#bucket] and the flow's hash
    /// @param sourceHigh      as for [#find6]
    /// @param sourceLow       as for [#find6]
    /// @param destinationHigh as for [#find6]
    /// @param destinationLow  as for [#find6]
    /// @param ports           as for [#find6]
    /// @param protocolBit     as for [#find6]
    /// @param row             backend row, below 2^20
    /// @param generation      the row's generation, below 2^6
    /// @param state           one of [FlowState], not empty
    /// @param nowTicks        the time
    /// @return the entry, or [#NONE] when there is no room
    public long insert6(
            long bucket,
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow,
            int ports,
            int protocolBit,
            int row,
            int generation,
            int state,
            int nowTicks) {
        assert find6(bucket, sourceHigh, sourceLow, destinationHigh, destinationLow, ports, protocolBit) == NONE
                : "the flow has an entry";
        long entry = claim(bucket, state, nowTicks);
        if (entry != NONE) {
            store(entry + SOURCE_HIGH, sourceHigh);
            store(entry + SOURCE_LOW, sourceLow);
            store(entry + DESTINATION_HIGH, destinationHigh);
            store(entry + DESTINATION_LOW, destinationLow);
            publish(entry, key(ports, protocolBit), row, generation, state, nowTicks);
        }
        return entry;
    }

    /// Forgets a flow, after telling the owner.
    ///
    /// @param entry a live entry
    public void remove(long entry) {
        long meta = meta(entry);
        assert isLive(meta) : "entry=" + entry + " is free";
        owner.removed(this, entry);
        store(entry + META, meta & ~STATE_BITS);
        size--;
    }

    /// {@return the backend row of a flow}
    public int row(long entry) {
        return FlowLayout.row(meta(entry));
    }

    /// {@return the generation of the backend row when the flow got it}
    public int generation(long entry) {
        return FlowLayout.generation(meta(entry));
    }

    /// {@return one of [FlowState]}
    public int state(long entry) {
        return FlowLayout.state(meta(entry));
    }

    /// {@return [#TCP] or [#UDP]}
    public int protocolBit(long entry) {
        return FlowLayout.protocolBit(meta(entry));
    }

    /// {@return source port in the high half, destination port in the low one}
    public int ports(long entry) {
        return (int) (meta(entry) >>> PORTS_SHIFT);
    }

    /// {@return the low 24 bits of the tick of the last packet, for [TickClock#elapsed]}
    public int lastSeen(long entry) {
        return (int) (word(entry + SEEN) >>> LAST_SEEN_SHIFT);
    }

    /// {@return packets so far, modulo 2^40}
    public long packets(long entry) {
        return word(entry + SEEN) & PACKETS_BITS;
    }

    /// {@return bytes so far, modulo 2^48}
    public long bytes(long entry) {
        return word(entry + COUNTS) >>> BYTES_SHIFT;
    }

    /// {@return the tick in which the flow was added, all 32 bits}
    public int created(long entry) {
        return memory.get(HALF, createdOffset(shape, entry, created4));
    }

    /// {@return an IPv4 flow's source in the high half, destination in the low one}
    public long addresses4(long entry) {
        return word(entry + ADDRESSES);
    }

    /// {@return the first eight bytes of an IPv6 flow's source}
    public long sourceHigh(long entry) {
        return word(entry + SOURCE_HIGH);
    }

    /// {@return the last eight bytes of an IPv6 flow's source}
    public long sourceLow(long entry) {
        return word(entry + SOURCE_LOW);
    }

    /// {@return the first eight bytes of an IPv6 flow's destination}
    public long destinationHigh(long entry) {
        return word(entry + DESTINATION_HIGH);
    }

    /// {@return the last eight bytes of an IPv6 flow's destination}
    public long destinationLow(long entry) {
        return word(entry + DESTINATION_LOW);
    }

    /// Counts a packet of a flow.
    ///
    /// @param entry    a live entry
    /// @param nowTicks the time
    /// @param bytes    the packet's bytes
    public void seen(long entry, int nowTicks, int bytes) {
        long packets = (word(entry + SEEN) + 1) & PACKETS_BITS;
        long counts = word(entry + COUNTS) + ((long) bytes << BYTES_SHIFT);
        // Plain stores of aligned words: whole on every 64-bit JVM, and a reader may see either of them first.
        NativeMemory.putWord(address + entry + SEEN, ((long) nowTicks << LAST_SEEN_SHIFT) | packets);
        NativeMemory.putWord(address + entry + COUNTS, counts);
    }

    /// Moves a flow to another state.
    ///
    /// @param entry a live entry
    /// @param state one of [FlowState], not empty
    public void setState(long entry, int state) {
        assert state > FlowState.EMPTY && state <= FlowState.RESET : "state=" + state;
        store(entry + META, (meta(entry) & ~STATE_BITS) | ((long) state << STATE_SHIFT));
    }

    /// Gives a flow to another backend.
    ///
    /// @param entry      a live entry
    /// @param row        backend row, below 2^20
    /// @param generation the row's generation, below 2^6
    public void assign(long entry, int row, int generation) {
        store(entry + META, (meta(entry) & ~BACKEND_BITS) | backend(row, generation));
    }

    /// {@return live flows}
    public long size() {
        return size;
    }

    /// {@return most live flows}
    public long limit() {
        return limit;
    }

    /// {@return which addresses the table holds}
    public Shape shape() {
        return shape;
    }

    /// {@return how many lines there are; a full pass of [#sweep]}
    public long lineCount() {
        return (lineMask >>> LINE_SHIFT) + 1;
    }

    /// {@return entries that the memory has room for; a sweep of `slots` lines goes round at least once}
    public long slots() {
        return slots;
    }

    /// Forgets expired flows and shortens the reach of lines, a few lines at each call, going round and round.
    ///
    /// @param lines    lines to visit; the whole table within 15 hours, so that no last-seen time is misread
    /// @param nowTicks the time
    /// @return flows forgotten
    public int sweep(int lines, int nowTicks) {
        long before = size;
        long line = cursor;
        for (int i = 0; i < lines; i++) {
            sweepLine(line, nowTicks);
            shortenReach(line);
            line = line + LINE_LENGTH < created4 ? line + LINE_LENGTH : HEADER_LENGTH;
        }
        cursor = line;
        HALVES.setOpaque(memory, SWEPT_OFFSET, nowTicks);
        return (int) (before - size);
    }

    void observe(StoreObserver observer) {
        this.observer = observer;
    }

    private void format() {
        memory.set(HALF, ENTRY_LENGTH_OFFSET, shape.entryLength);
        memory.set(HALF, VERSION_OFFSET, VERSION);
        memory.set(WORD, SLOTS_OFFSET, slots);
        // Release: whoever sees the magic sees the rest of the header.
        WORDS.setRelease(memory, MAGIC_OFFSET, MAGIC);
    }

    private long count() {
        long live = 0;
        for (long entry = HEADER_LENGTH; entry < created4; entry += entryLength) {
            live += isLive(meta(entry)) ? 1 : 0;
        }
        return live;
    }

    // No check but in tests: an offset is a header field's, or a line's or entry's within the mask of the lines.
    private long word(long offset) {
        assert isInside(offset, Long.BYTES) : "offset=" + offset;
        return NativeMemory.word(address + offset);
    }

    private boolean isInside(long offset, int length) {
        return offset >= 0 && offset <= memory.byteSize() - length;
    }

    private long meta(long entry) {
        return word(entry + META);
    }

    private boolean isEntry4(long entry, long addresses, long key) {
        long meta = meta(entry);
        // One branch for both words: most entries differ in both or in none.
        return ((word(entry + ADDRESSES) ^ addresses) | ((meta ^ key) & KEY_BITS)) == 0 && isLive(meta);
    }

    private long findFurther(long bucket, long addresses, long key) {
        int reach = reach(word(bucket + COUNTS));
        for (int step = 1; step <= reach; step++) {
            long first = lineAt(bucket, step, lineMask);
            if (isEntry4(first, addresses, key)) {
                return first;
            }
            long second = first + ENTRY4_LENGTH;
            if (isEntry4(second, addresses, key)) {
                return second;
            }
        }
        return NONE;
    }

    private boolean isEntry6(
            long entry, long sourceHigh, long sourceLow, long destinationHigh, long destinationLow, long key) {
        return isKey(meta(entry), key)
                && word(entry + SOURCE_LOW) == sourceLow
                && word(entry + SOURCE_HIGH) == sourceHigh
                && word(entry + DESTINATION_LOW) == destinationLow
                && word(entry + DESTINATION_HIGH) == destinationHigh;
    }

    private long findFurther6(
            long bucket,
            int reach,
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow,
            long key) {
        for (int step = 1; step <= reach; step++) {
            long entry = lineAt(bucket, step, lineMask);
            if (isEntry6(entry, sourceHigh, sourceLow, destinationHigh, destinationLow, key)) {
                return entry;
            }
        }
        return NONE;
    }

    /// Finds a slot, frees it if need be, and makes the home line reach it.
    private long claim(long bucket, int state, int nowTicks) {
        long free = size < limit ? freeSlot(bucket) : NONE; // Most flows find one in their home line.
        if (free == NONE) {
            return claimAnyhow(bucket, state, nowTicks);
        }
        store(free + COUNTS, word(free + COUNTS) & REACH_BITS);
        return free;
    }

    private long claimAnyhow(long bucket, int state, int nowTicks) {
        boolean hasRoom = size < limit;
        boolean isFruitless = !hasRoom && state == FlowState.HALF_OPEN && fruitlessTick == nowTicks;
        int last = hasRoom ? stepsMax : isFruitless ? 0 : Math.min(stepsMax, REPLACE_STEPS);
        for (int step = 0; step <= last; step++) {
            long line = lineAt(bucket, step, lineMask);
            long free = hasRoom ? freeSlot(line) : NONE;
            if (free != NONE) {
                return take(bucket, free, step);
            }
            long expired = step <= REPLACE_STEPS ? expiredSlot(line, nowTicks) : NONE;
            if (expired != NONE) {
                remove(expired);
                return take(bucket, expired, step);
            }
        }
        if (state == FlowState.HALF_OPEN) {
            fruitlessTick = nowTicks;
            return NONE;
        }
        return displace(bucket, nowTicks);
    }

    /// Takes the place of a flow that is less worth than an established one.
    private long displace(long bucket, int nowTicks) {
        long victim = NONE;
        int victimStep = 0;
        for (int step = 0; step <= Math.min(stepsMax, REPLACE_STEPS); step++) {
            long weaker = weakestSlot(lineAt(bucket, step, lineMask), victim, nowTicks);
            if (weaker != victim) {
                victim = weaker;
                victimStep = step;
            }
        }
        if (victim == NONE) {
            return NONE;
        }
        remove(victim);
        return take(bucket, victim, victimStep);
    }

    private long freeSlot(long line) {
        for (long entry = line; entry < line + LINE_LENGTH; entry += entryLength) {
            if (!isLive(meta(entry))) {
                return entry;
            }
        }
        return NONE;
    }

    private long expiredSlot(long line, int nowTicks) {
        for (long entry = line; entry < line + LINE_LENGTH; entry += entryLength) {
            if (isLive(meta(entry)) && owner.isExpired(this, entry, nowTicks)) {
                return entry;
            }
        }
        return NONE;
    }

    /// The first to go among the entries of a line and `victim`, which may be [#NONE]: a reset flow before a closing
    /// one before a half-open one, as their numbers descend; among equals, the one not seen for longest.
    private long weakestSlot(long line, long victim, int nowTicks) {
        long weakest = victim;
        for (long entry = line; entry < line + LINE_LENGTH; entry += entryLength) {
            int state = state(entry);
            if (state == FlowState.ESTABLISHED || state == FlowState.EMPTY) {
                continue;
            }
            int weakestState = weakest == NONE ? FlowState.EMPTY : state(weakest);
            if (state > weakestState
                    || (state == weakestState && idleTicks(entry, nowTicks) > idleTicks(weakest, nowTicks))) {
                weakest = entry;
            }
        }
        return weakest;
    }

    private int idleTicks(long entry, int nowTicks) {
        return TickClock.elapsed(nowTicks, lastSeen(entry));
    }

    private long take(long bucket, long entry, int step) {
        // The reach first: a reader that sees the entry must also come to look there. Too long a reach is
        // harmless.
        long home = word(bucket + COUNTS);
        if (reach(home) < step) {
            store(bucket + COUNTS, (home & ~REACH_BITS) | step);
        }
        store(entry + COUNTS, (word(entry + COUNTS) & REACH_BITS) | ((long) step << STEP_SHIFT));
        return entry;
    }

    private void publish(long entry, long key, int row, int generation, int state, int nowTicks) {
        assert state > FlowState.EMPTY && state <= FlowState.RESET : "state=" + state;
        store(entry + SEEN, (long) nowTicks << LAST_SEEN_SHIFT);
        create(entry, nowTicks);
        long turn = (meta(entry) + 1) & TURN_BITS;
        // Last, with release: pairs with the acquire in FlowTableReader. The flow is known from here on.
        store(entry + META, key | backend(row, generation) | ((long) state << STATE_SHIFT) | turn);
        size++;
    }

    private static long backend(int row, int generation) {
        assert (row & ~ROW_MASK) == 0 : "row=" + row;
        assert (generation & ~GENERATION_MASK) == 0 : "generation=" + generation;
        return ((long) row << ROW_SHIFT) | ((long) generation << GENERATION_SHIFT);
    }

    private void create(long entry, int nowTicks) {
        long offset = createdOffset(shape, entry, created4);
        assert isInside(offset, Integer.BYTES) : "offset=" + offset;
        // A plain store of an aligned half word: whole, and it lies before the release that publishes the entry.
        NativeMemory.putHalf(address + offset, nowTicks);
        assert observed(offset, nowTicks, Integer.BYTES);
    }

    private void sweepLine(long line, int nowTicks) {
        for (long entry = line; entry < line + LINE_LENGTH; entry += entryLength) {
            if (isLive(meta(entry)) && owner.isExpired(this, entry, nowTicks)) {
                remove(entry);
            }
        }
    }

    private void shortenReach(long line) {
        long counts = word(line + COUNTS);
        int reach = reach(counts);
        int needed = reach;
        while (needed > 0 && !hasEntryOf(lineAt(line, needed, lineMask), needed)) {
            needed--;
        }
        if (needed != reach) {
            store(line + COUNTS, (counts & ~REACH_BITS) | needed);
        }
    }

    /// Whether a line has a flow so many steps from its home. There is one home from which it is that far.
    private boolean hasEntryOf(long line, int step) {
        for (long entry = line; entry < line + LINE_LENGTH; entry += entryLength) {
            if (isLive(meta(entry)) && step(word(entry + COUNTS)) == step) {
                return true;
            }
        }
        return false;
    }

    /// Release: readers, and whoever opens the file after a kill, see the stores of a change in their order.
    private void store(long offset, long value) {
        assert isInside(offset, Long.BYTES) : "offset=" + offset;
        NativeMemory.putWordRelease(address + offset, value);
        assert observed(offset, value, Long.BYTES);
    }

    private boolean observed(long offset, long value, int length) {
        if (observer != null) {
            observer.stored(offset, value, length);
        }
        return true;
    }
}
