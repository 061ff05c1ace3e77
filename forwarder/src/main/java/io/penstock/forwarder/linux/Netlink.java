package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.LinuxException.check;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// A NETLINK_ROUTE socket (rtnetlink(7)): questions about routes, neighbours, links and addresses, changes to them,
/// and news of changes. In the network namespace of the thread that made it. One thread at a time; set-up and
/// conductor only.
///
/// ```
/// message    0          4       6        8          12        16
///            +----------+-------+--------+----------+---------+----------+------------+-----
///            |  length  | type  | flags  | sequence | port id | header   | attribute  | ...
///            +----------+-------+--------+----------+---------+----------+------------+-----
/// attribute  0        2       4
///            +--------+-------+-------+
///            | length | type  | value |  filled up to a multiple of 4
///            +--------+-------+-------+
/// ```
public final class Netlink implements AutoCloseable {
    // linux/rtnetlink.h
    static final int RTM_NEWLINK = 16;
    static final int RTM_DELLINK = 17;
    static final int RTM_GETLINK = 18;
    static final int RTM_NEWADDR = 20;
    static final int RTM_DELADDR = 21;
    static final int RTM_GETADDR = 22;
    static final int RTM_NEWROUTE = 24;
    static final int RTM_DELROUTE = 25;
    static final int RTM_GETROUTE = 26;
    static final int RTM_NEWNEIGH = 28;
    static final int RTM_DELNEIGH = 29;
    static final int RTM_GETNEIGH = 30;
    static final int RTM_NEWQDISC = 36;
    static final int RTM_NEWTFILTER = 44;
    static final int RTM_DELTFILTER = 45;

    // linux/netlink.h
    static final int REQUEST = 0x1;
    static final int ACK = 0x4;
    static final int REPLACE = 0x100;
    static final int EXCLUSIVE = 0x200;
    static final int CREATE = 0x400;
    static final int DUMP = 0x300;

    private static final int AF_NETLINK = 16;
    private static final int SOCK_RAW_CLOEXEC = 3 | 0x80000;
    private static final int NETLINK_ROUTE = 0;
    private static final int NLMSG_ERROR = 2;
    private static final int NLMSG_DONE = 3;
    private static final int NLM_F_DUMP_INTR = 0x10;
    private static final int ATTRIBUTE_TYPE = 0x3fff; // without the flags for nested and network order
    private static final int HEADER_LENGTH = 16;
    private static final int MSG_DONTWAIT = 0x40;
    private static final int SOL_SOCKET = 1;
    private static final int SO_RCVTIMEO = 20;
    private static final int SO_RCVBUFFORCE = 33;
    private static final int SOL_NETLINK = 270;
    private static final int NETLINK_ADD_MEMBERSHIP = 1;
    private static final int RECEIVE_BUFFER_BYTES = 4 << 20; // A full route table's churn between two polls.
    private static final int REPLY_TIMEOUT_S =
            5; // The kernel answers before sendto() returns; this is for its defects.
    private static final int DUMP_TRIES = 5;

    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;

    /// Gets the messages of an answer or of the news.
    interface Handler {
        /// @param type RTM_...
        /// @param body what follows the netlink header; valid during the call
        void onMessage(int type, MemorySegment body);
    }

    private final Arena arena = Arena.ofShared();
    private final Libc libc = new Libc(arena);
    private final MemorySegment out = arena.allocate(4096, 8);
    private final MemorySegment in = arena.allocate(64 << 10, 8); // The kernel's dumps come in 32 KiB at most.
    private final int fd;
    private int outLength;
    private int sequence;
    private boolean isClosed;

    /// Opens a socket.
    ///
    /// @param groups RTNLGRP_...: what news to get; none for a socket that asks
    /// @throws LinuxException when the kernel refuses
    Netlink(int... groups) {
        fd = check(libc.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE), "socket(AF_NETLINK, NETLINK_ROUTE)");
        try {
            MemorySegment timeout = arena.allocate(16, 8); // struct timeval
            timeout.set(ValueLayout.JAVA_LONG, 0, REPLY_TIMEOUT_S);
            check(libc.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout), "setsockopt(SO_RCVTIMEO)");
            if (groups.length > 0) {
                // Only a larger buffer than the host's default; what overflows it is noticed and asked for again.
                libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES);
            }
            MemorySegment address = arena.allocate(12, 4); // struct sockaddr_nl: the kernel chooses the port id
            address.set(U16, 0, (short) AF_NETLINK);
            check(libc.bind(fd, address), "bind(AF_NETLINK)");
            for (int group : groups) {
                check(
                        libc.setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group),
                        "setsockopt(NETLINK_ADD_MEMBERSHIP, " + group + ")");
            }
        } catch (LinuxException e) {
            libc.close(fd);
            arena.close();
            throw e;
        }
    }

    /// {@return the descriptor, readable when there is news}
    int fd() {
        return fd;
    }

    /// Begins a message.
    ///
    /// @param headerLength bytes of the family's header, zeroed; written by the `header` methods
    Netlink begin(int type, int flags, int headerLength) {
        out.asSlice(0, HEADER_LENGTH + headerLength).fill((byte) 0);
        out.set(U16, 4, (short) type);
        out.set(U16, 6, (short) (REQUEST | flags));
        outLength = HEADER_LENGTH + headerLength;
        return this;
    }

    /// Writes into the family's header.
    Netlink header8(int offset, int value) {
        out.set(ValueLayout.JAVA_BYTE, HEADER_LENGTH + offset, (byte) value);
        return this;
    }

    /// Writes into the family's header.
    Netlink header16(int offset, int value) {
        out.set(U16, HEADER_LENGTH + offset, (short) value);
        return this;
    }

    /// Writes into the family's header.
    Netlink header32(int offset, int value) {
        out.set(U32, HEADER_LENGTH + offset, value);
        return this;
    }

    /// Adds an attribute.
    Netlink attribute(int type, byte[] value) {
        int length = 4 + value.length;
        int padded = (length + 3) & -4;
        out.asSlice(outLength, padded).fill((byte) 0);
        out.set(U16, outLength, (short) length);
        out.set(U16, outLength + 2, (short) type);
        MemorySegment.copy(value, 0, out, ValueLayout.JAVA_BYTE, outLength + 4L, value.length);
        outLength += padded;
        return this;
    }

    /// Adds an attribute of four bytes in the machine's order.
    Netlink attribute(int type, int value) {
        byte[] bytes = new byte[4];
        MemorySegment.ofArray(bytes).set(U32, 0, value);
        return attribute(type, bytes);
    }

    /// Adds an attribute that is a string.
    Netlink attribute(int type, String value) {
        byte[] bytes = (value + '\0').getBytes(StandardCharsets.US_ASCII);
        return attribute(type, bytes);
    }

    /// Begins an attribute that holds attributes.
    ///
    /// @return for [#endNested(int)]
    int beginNested(int type) {
        int start = outLength;
        attribute(type, new byte[0]);
        return start;
    }

    /// Ends what [#beginNested(int)] began.
    Netlink endNested(int start) {
        out.set(U16, start, (short) (outLength - start));
        return this;
    }

    /// Sends the message, and gives what is answered to a handler. A dump that was cut into by a change is asked for
    /// again, so a handler may get an entry more than once.
    ///
    /// @return 0, or `-errno` as the kernel answered
    int exchange(Handler handler) {
        int result = once(handler);
        for (int i = 1; i < DUMP_TRIES && Errno.EINTR.is(result); i++) {
            result = once(handler);
        }
        return result;
    }

    private int once(Handler handler) {
        sequence++;
        boolean isDump = (out.get(U16, 6) & DUMP) == DUMP && (out.get(U16, 6) & CREATE) == 0;
        boolean wantsAck = (out.get(U16, 6) & ACK) != 0;
        out.set(U32, 0, outLength);
        out.set(U32, 8, sequence);
        long sent = libc.sendto(fd, out.address(), outLength, 0);
        if (sent < 0) {
            return (int) sent;
        }
        boolean interrupted = false;
        while (true) {
            long length = libc.recvfrom(fd, in.address(), in.byteSize(), 0);
            if (length < 0) {
                return (int) length;
            }
            for (long at = 0; at + HEADER_LENGTH <= length; at += aligned(at)) {
                if (in.get(U32, at + 8) != sequence) {
                    continue; // The rest of an answer that was given up.
                }
                int type = in.get(U16, at + 4) & 0xffff;
                interrupted |= (in.get(U16, at + 6) & NLM_F_DUMP_INTR) != 0;
                if (type == NLMSG_ERROR) {
                    return in.get(U32, at + HEADER_LENGTH);
                }
                if (type == NLMSG_DONE) {
                    return interrupted ? -Errno.EINTR.code() : 0;
                }
                handler.onMessage(type, body(at));
                if (!isDump && !wantsAck) {
                    return 0;
                }
            }
        }
    }

    /// Gives all waiting news to a handler. Does not block.
    ///
    /// @return false when news was lost, so that everything has to be asked for again
    boolean receiveNews(Handler handler) {
        boolean complete = true;
        while (true) {
            long length = libc.recvfrom(fd, in.address(), in.byteSize(), MSG_DONTWAIT);
            if (Errno.ENOBUFS.is(length)) {
                complete = false;
                continue;
            }
            if (length < 0) {
                return complete;
            }
            for (long at = 0; at + HEADER_LENGTH <= length; at += aligned(at)) {
                handler.onMessage(in.get(U16, at + 4) & 0xffff, body(at));
            }
        }
    }

    private MemorySegment body(long at) {
        return in.asSlice(at + HEADER_LENGTH, Math.max(0, in.get(U32, at) - HEADER_LENGTH));
    }

    private long aligned(long at) {
        return Math.max(HEADER_LENGTH, (in.get(U32, at) + 3) & -4);
    }

    /// {@return an attribute's value, or null when it is not there}
    ///
    /// @param body         of a message, or a nested attribute's value with `headerLength` 0
    /// @param headerLength bytes before the attributes
    static @Nullable MemorySegment attribute(MemorySegment body, long headerLength, int type) {
        long at = headerLength;
        while (at + 4 <= body.byteSize()) {
            int length = body.get(U16, at) & 0xffff;
            if (length < 4 || at + length > body.byteSize()) {
                return null;
            }
            if ((body.get(U16, at + 2) & ATTRIBUTE_TYPE) == type) {
                return body.asSlice(at + 4, length - 4L);
            }
            at += (length + 3) & -4;
        }
        return null;
    }

    /// {@return an attribute of four bytes, or another value when it is not there}
    static int attribute32(MemorySegment body, long headerLength, int type, int otherwise) {
        MemorySegment value = attribute(body, headerLength, type);
        return value == null || value.byteSize() < 4 ? otherwise : value.get(U32, 0);
    }

    /// {@return a MAC address in the low 48 bits, first byte highest, or -1 where there is none of six bytes}
    static long mac(@Nullable MemorySegment value) {
        if (value == null || value.byteSize() != 6) {
            return -1;
        }
        long high = value.get(U16.withOrder(ByteOrder.BIG_ENDIAN), 0) & 0xffff;
        long low = value.get(U32.withOrder(ByteOrder.BIG_ENDIAN), 2) & 0xffff_ffffL;
        return (high << 32) | low;
    }

    @Override
    public void close() {
        if (!isClosed) {
            isClosed = true;
            libc.close(fd);
            arena.close();
        }
    }
}
