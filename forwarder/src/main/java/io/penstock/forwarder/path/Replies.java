package io.penstock.forwarder.path;

import io.penstock.flowtable.packet.EchoWriter;
import io.penstock.flowtable.packet.ReplyFrame;
import io.penstock.flowtable.packet.ResetWriter;
import io.penstock.flowtable.packet.TooBigWriter;

/// Answers that a frame becomes where it lies. What strangers can provoke is limited, so that a flood of packets does
/// not
/// become a flood of answers. One worker's own.
final class Replies {
    /// RSTs and ICMP errors a second and worker, each: the order of Linux's own `icmp_msgs_per_sec`.
    static final int PER_SECOND = 1000;

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
        long offset = context.batch.offsets[i];
        if (resets.tryAcquire(context.nowNs) && ResetWriter.reset(context.memory, offset, context.parsed, i, reply)) {
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
        if (errors.tryAcquire(context.nowNs)
                && TooBigWriter.reply(context.memory, context.batch.offsets[i], context.parsed, i, mtu, reply)) {
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
        int l3Offset = context.parsed.l3Offsets[i];
        if (errors.tryAcquire(context.nowNs)
                && TooBigWriter.quote(context.memory, offset, l3Offset, quoteOffset, quoteLength, mtu, reply)) {
            send(i, ReplyKind.TOO_BIG);
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
