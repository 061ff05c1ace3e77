package io.penstock.forwarder.port;

import io.penstock.control.config.PacketRing;

class SlotPacketPortTest extends PacketPortContract {
    @Override
    PacketRing version() {
        return PacketRing.V2;
    }
}
