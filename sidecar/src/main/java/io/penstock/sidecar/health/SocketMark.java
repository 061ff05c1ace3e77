package io.penstock.sidecar.health;

import io.netty.channel.ChannelOption;
import io.netty.channel.unix.IntegerUnixChannelOption;

/// The firewall mark of a socket (socket(7)): policy routing sends what carries it through a table of its own.
final class SocketMark {
    private static final int SOL_SOCKET = 1;
    private static final int SO_MARK = 36;

    /// Needs `CAP_NET_ADMIN` or, from Linux 5.17 on, `CAP_NET_RAW`.
    static final ChannelOption<Integer> OPTION = new IntegerUnixChannelOption("SO_MARK", SOL_SOCKET, SO_MARK);

    private SocketMark() {}
}
