package io.penstock.forwarder.port;

import io.penstock.control.config.PacketRing;

class BlockPacketPortTest extends PacketPortContract {
    @Override
    PacketRing version() {
        return PacketRing.V3;
    }
}
