package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// A window onto one ICMP (RFC 792) or ICMPv6 (RFC 4443) message.
///
/// ```
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |     Type      |     Code      |           Checksum            |
/// +---------------+---------------+-------------------------------+
/// |   Rest of header: identifier and sequence, or the MTU, …      |
/// +---------------------------------------------------------------+
/// |   Body: data, or the start of the packet in error             |
/// +---------------------------------------------------------------+
/// ```
///
/// Owned by one thread. Accessors trust that `isValid()` was checked first.
public final class IcmpView {
    /// Bytes of the header.
    public static final int LENGTH = 8;
    /// ICMP: answer to an echo request.
    public static final int ECHO_REPLY = 0;
    /// ICMP: destination unreachable.
    public static final int UNREACHABLE = 3;
    /// ICMP, code of [#UNREACHABLE]: fragmentation needed and DF set.
    public static final int FRAGMENTATION_NEEDED = 4;
    /// ICMP, code of [#UNREACHABLE]: host unreachable.
    public static final int HOST_UNREACHABLE = 1;
    /// ICMP: echo request.
    public static final int ECHO_REQUEST = 8;
    /// ICMP: time exceeded.
    public static final int TIME_EXCEEDED = 11;
    /// ICMP: parameter problem.
    public static final int PARAMETER_PROBLEM = 12;
    /// ICMPv6: destination unreachable.
    public static final int UNREACHABLE_V6 = 1;
    /// ICMPv6, code of [#UNREACHABLE_V6]: address unreachable.
    public static final int ADDRESS_UNREACHABLE_V6 = 3;
    /// ICMPv6: packet too big.
    public static final int TOO_BIG_V6 = 2;
    /// ICMPv6: time exceeded.
    public static final int TIME_EXCEEDED_V6 = 3;
    /// ICMPv6: parameter problem.
    public static final int PARAMETER_PROBLEM_V6 = 4;
    /// ICMPv6: echo request.
    public static final int ECHO_REQUEST_V6 = 128;
    /// ICMPv6: answer to an echo request.
    public static final int ECHO_REPLY_V6 = 129;
    /// ICMPv6: neighbour solicitation (RFC 4861 §4.3).
    public static final int NEIGHBOUR_SOLICITATION = 135;
    /// ICMPv6: neighbour advertisement (RFC 4861 §4.4).
    public static final int NEIGHBOUR_ADVERTISEMENT = 136;

    static final int CODE = 1;
    static final int CHECKSUM = 2;
    static final int REST = 4;

    private final MemorySegment memory;
    private long offset;
    private int length;

    /// @param memory the region that frames lie in
    public IcmpView(MemorySegment memory) {
        this.memory = memory;
    }

    /// Moves the view.
    ///
    /// @param offset byte offset of the message in the region
    /// @param length bytes of the message
    /// @return this view
    public IcmpView wrap(long offset, int length) {
        this.offset = offset;
        this.length = length;
        return this;
    }

    /// {@return whether the header is there}
    public boolean isValid() {
        return length >= LENGTH;
    }

    /// {@return the type}
    public int type() {
        return Wire.u8(memory, offset);
    }

    /// {@return the code}
    public int code() {
        return Wire.u8(memory, offset + CODE);
    }

    /// {@return the checksum as it stands}
    public int checksum() {
        return Wire.u16(memory, offset + CHECKSUM);
    }

    /// {@return the second word of the header}
    public int rest() {
        return Wire.u32(memory, offset + REST);
    }

    /// {@return whether a message of ICMP for IPv4 reports an error: such a message is never answered with an
    /// error (RFC 1122 §3.2.2)}. Types that nobody knows count as errors, to be on the safe side.
    static boolean isError4(int type) {
        return switch (type) {
            case ECHO_REPLY, ECHO_REQUEST, 9, 10, 13, 14, 15, 16, 17, 18 -> false;
            default -> true;
        };
    }

    /// {@return whether an ICMPv6 message reports an error: types below 128 (RFC 4443 §2.1); a redirect counts
    /// too (§2.4 e)}
    static boolean isError6(int type) {
        return type < 128 || type == 137;
    }
}
