package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// ARP on behalf of a VIP (RFC 826, RFC 5227). Static, no state; replies overwrite the request in place.
public final class ArpWriter {
    private static final long BROADCAST = 0xffff_ffff_ffffL;

    private ArpWriter() {}

    /// Turns a request into the reply that `ourMac` has the address it asks for.
    ///
    /// A probe (sender address 0) is answered like any request: it says that the address is taken (RFC 5227
    /// §2.1.1). Not answered: other operations; an announcement, which asks about the sender's own address; a
    /// sender that is a group or lies about its MAC address being one.
    ///
    /// @param parsed of kind `ARP` in row `i`
    /// @param ourMac in the low 48 bits
    /// @return whether `out` holds a reply
    public static boolean reply(
            MemorySegment memory, long frameOffset, ParsedBatch parsed, int i, long ourMac, ReplyFrame out) {
        int l3Offset = parsed.l3Offset(i);
        int asker = parsed.source4(i);
        int asked = parsed.destination4(i);
        long arp = frameOffset + l3Offset;
        long askerMac = Wire.u48(memory, arp + ArpView.SENDER_MAC);
        if (parsed.ports(i) != ArpView.REQUEST
                || asker == asked
                || (asker != 0 && !ReplyHeaders.isHost4(asker))
                || askerMac == 0
                || (askerMac & EthernetView.GROUP) != 0) {
            return false;
        }
        EthernetView.putAddresses(memory, frameOffset, askerMac, ourMac);
        ArpView.put(memory, arp, ArpView.REPLY, ourMac, asked, askerMac, asker);
        out.offset = frameOffset;
        out.length = l3Offset + ArpView.LENGTH;
        return true;
    }

    /// Writes an announcement: a broadcast request for the VIP by the VIP (RFC 5227 §2.3), from which
    /// neighbours learn or correct its MAC address.
    ///
    /// @param frameOffset room for 46 bytes
    /// @param tag         802.1Q tag, or [EthernetView#NO_TAG]
    /// @param vip         the address
    /// @param ourMac      in the low 48 bits
    public static void announce(MemorySegment memory, long frameOffset, int tag, int vip, long ourMac, ReplyFrame out) {
        int l3Offset = tag == EthernetView.NO_TAG ? EthernetView.LENGTH : EthernetView.TAGGED_LENGTH;
        EthernetView.put(memory, frameOffset, l3Offset, BROADCAST, ourMac, tag, EthernetView.ARP);
        ArpView.put(memory, frameOffset + l3Offset, ArpView.REQUEST, ourMac, vip, 0, vip);
        out.offset = frameOffset;
        out.length = l3Offset + ArpView.LENGTH;
    }
}
