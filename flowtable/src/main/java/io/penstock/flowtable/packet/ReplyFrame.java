package io.penstock.flowtable.packet;

/// Where a reply was written: what a reply writer tells its caller when it returns true.
///
/// A reply grows out of the frame it answers and may begin before or behind that frame's start; `*Writer`
/// classes say how much headroom they need. One worker's own; not thread-safe.
public final class ReplyFrame {
    /// Start of the reply, in bytes from the start of the region.
    public long offset;
    /// Bytes of the reply.
    public int length;
}
