package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.LinuxException.check;
import static io.penstock.forwarder.linux.Netlink.ACK;
import static io.penstock.forwarder.linux.Netlink.CREATE;
import static io.penstock.forwarder.linux.Netlink.EXCLUSIVE;
import static io.penstock.forwarder.linux.Netlink.REPLACE;

/// A TC program on the ingress of an interface, attached in the way of kernels before 6.6: a direct-action filter
/// under a clsact queueing discipline.
///
/// Nothing takes it off when the process is killed. It then goes on dropping the VIPs' frames until the next forwarder
/// puts its own in the same place, or the operator runs `tc filter del dev IF ingress pref 1 handle 0x5053 bpf`.
final class ClsactFilter implements AutoCloseable {
    // linux/pkt_sched.h
    private static final int CLSACT = 0xffff_fff1;
    private static final int CLSACT_HANDLE = 0xffff_0000;
    private static final int INGRESS = 0xffff_fff2;
    private static final int TCA_KIND = 1;
    private static final int TCA_OPTIONS = 2;
    private static final int TCA_BPF_FD = 6;
    private static final int TCA_BPF_NAME = 7;
    private static final int TCA_BPF_FLAGS = 8;
    private static final int DIRECT_ACTION = 1;
    private static final int HEADER_LENGTH = 20; // struct tcmsg
    private static final int HANDLE = 0x5053;
    private static final int FIRST_PRIORITY_ALL_PROTOCOLS = 1 << 16 | BpfAssembler.networkOrder16(3); // ETH_P_ALL

    private final LinuxInterface nic;

    private ClsactFilter(LinuxInterface nic) {
        this.nic = nic;
    }

    /// Attaches a program in place of whatever an earlier forwarder left.
    ///
    /// @throws LinuxException when the kernel refuses
    static ClsactFilter attach(BpfProgram program, LinuxInterface nic) {
        try (Netlink netlink = new Netlink()) {
            int result = netlink.begin(Netlink.RTM_NEWQDISC, CREATE | EXCLUSIVE | ACK, HEADER_LENGTH)
                    .header32(4, nic.index())
                    .header32(8, CLSACT_HANDLE)
                    .header32(12, CLSACT)
                    .attribute(TCA_KIND, "clsact")
                    .exchange((_, _) -> {});
            if (!Errno.EEXIST.is(result)) {
                check(result, "tc qdisc add dev " + nic.name() + " clsact");
            }
            filter(netlink, Netlink.RTM_NEWTFILTER, CREATE | REPLACE | ACK, nic);
            int options = netlink.beginNested(TCA_OPTIONS);
            check(
                    netlink.attribute(TCA_BPF_FD, program.descriptor())
                            .attribute(TCA_BPF_NAME, program.name())
                            .attribute(TCA_BPF_FLAGS, DIRECT_ACTION)
                            .endNested(options)
                            .exchange((_, _) -> {}),
                    "tc filter add dev " + nic.name() + " ingress bpf");
            return new ClsactFilter(nic);
        }
    }

    private static Netlink filter(Netlink netlink, int type, int flags, LinuxInterface nic) {
        return netlink.begin(type, flags, HEADER_LENGTH)
                .header32(4, nic.index())
                .header32(8, HANDLE)
                .header32(12, INGRESS)
                .header32(16, FIRST_PRIORITY_ALL_PROTOCOLS)
                .attribute(TCA_KIND, "bpf");
    }

    /// Takes the program off. The queueing discipline stays: others may have come to use it.
    @Override
    public void close() {
        try (Netlink netlink = new Netlink()) {
            int result = filter(netlink, Netlink.RTM_DELTFILTER, ACK, nic).exchange((_, _) -> {});
            // Where the interface or the filter is gone already, so much the better.
            if (!Errno.ENODEV.is(result) && !Errno.ENOENT.is(result) && !Errno.EINVAL.is(result)) {
                check(result, "tc filter del dev " + nic.name());
            }
        }
    }
}
