package io.penstock.forwarder.path;

import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.packet.EchoWriter;
import io.penstock.flowtable.packet.IcmpErrorWriter;
import io.penstock.flowtable.packet.IcmpView;
import io.penstock.flowtable.packet.ReplyFrame;
import io.penstock.flowtable.packet.ResetWriter;
import io.penstock.flowtable.packet.TooBigWriter;

/// Answers that a frame becomes where it lies. What strangers can provoke is limited, so that a flood of packets does
/// not become a flood of answers. One worker's own.
final class Replies {
    /// RSTs and ICMP errors a second and worker, each: the order of Linux's own `icmp_msgs_per_sec`.
    static final int PER_SECOND = 1000;

    private static final int RATE_LIMITED = WorkerCounter.DROP_RATE_LIMITED.id();

    private final PathContext context;
    private final Disposition disposition;
    private final ReplyFrame reply = new ReplyFrame();
    private final RateLimiter resets = new RateLimiter(PER_SECOND);
    private final RateLimiter errors = new RateLimiter(PER_SECOND);

    Replies(PathContext context, Disposition disposition) {
        this.context = context;
        this.disposition = disposition;
    }

    /// Answers a segment with a RST.
    ///
    /// @param dropReason counter when no RST may be sent
    void reset(int i, int dropReason) {
        if (!resets.tryAcquire(context.nowNs)) {
            disposition.dropped(i, RATE_LIMITED);
        } else if (ResetWriter.reset(context.memory, context.batch.offsets[i], context.parsed, i, reply)) {
            send(i, ReplyKind.RST);
        } else {
            disposition.dropped(i, dropReason);
        }
    }

    /// Answers an echo request.
    ///
    /// @param dropReason counter when it cannot be answered
    void echo(int i, int dropReason) {
        if (EchoWriter.reply(context.memory, context.batch.offsets[i], context.parsed, i, reply)) {
            send(i, ReplyKind.ECHO);
        } else {
            disposition.dropped(i, dropReason);
        }
    }

    /// Tells the client how big its packets may be.
    ///
    /// @param dropReason counter when no error may be sent
    void tooBig(int i, int mtu, int dropReason) {
        if (!errors.tryAcquire(context.nowNs)) {
            disposition.dropped(i, RATE_LIMITED);
        } else if (TooBigWriter.reply(context.memory, context.batch.offsets[i], context.parsed, i, mtu, reply)) {
            send(i, ReplyKind.TOO_BIG);
        } else {
            disposition.dropped(i, dropReason);
        }
    }

    /// The same for the client whose packet a router's error quotes.
    ///
    /// @param quoteOffset of the client's packet, in bytes from the region's start
    /// @param quoteLength bytes of it that there are
    void tooBigForQuoted(int i, long quoteOffset, int quoteLength, int mtu, int dropReason) {
        long offset = context.batch.offsets[i];
        int l3Offset = context.parsed.l3Offset(i);
        if (!errors.tryAcquire(context.nowNs)) {
            disposition.dropped(i, RATE_LIMITED);
        } else if (TooBigWriter.quote(context.memory, offset, l3Offset, quoteOffset, quoteLength, mtu, reply)) {
            send(i, ReplyKind.TOO_BIG);
        } else {
            disposition.dropped(i, dropReason);
        }
    }

    /// Tells the client whose packet a router's error quotes that it got no further: a host behind a tunnel that ends
    /// nowhere is unreachable (RFC 2003 §4, RFC 2473 §8.1).
    ///
    /// @param quoteOffset of the client's packet, in bytes from the region's start
    /// @param quoteLength bytes of it that there are
    /// @param dropReason counter when no error may be sent
    void unreachableForQuoted(int i, long quoteOffset, int quoteLength, boolean quoteIsV6, int dropReason) {
        long offset = context.batch.offsets[i];
        int l3Offset = context.parsed.l3Offset(i);
        if (!errors.tryAcquire(context.nowNs)) {
            disposition.dropped(i, RATE_LIMITED);
        } else if (quoteIsV6
                ? IcmpErrorWriter.write6(
                        context.memory,
                        offset,
                        l3Offset,
                        quoteOffset,
                        quoteLength,
                        IcmpView.UNREACHABLE_V6,
                        IcmpView.ADDRESS_UNREACHABLE_V6,
                        0,
                        reply)
                : IcmpErrorWriter.write4(
                        context.memory,
                        offset,
                        l3Offset,
                        quoteOffset,
                        quoteLength,
                        IcmpView.UNREACHABLE,
                        IcmpView.HOST_UNREACHABLE,
                        0,
                        reply)) {
            send(i, ReplyKind.UNREACHABLE);
        } else {
            disposition.dropped(i, dropReason);
        }
    }

    private void send(int i, ReplyKind kind) {
        context.batch.offsets[i] = reply.offset;
        context.batch.lengths[i] = reply.length;
        disposition.replied(i, kind);
    }
}
