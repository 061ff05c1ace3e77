package io.penstock.tuning.linux;

import java.io.IOException;
import java.util.List;

/// The settings of network interfaces that only their drivers know. [EthtoolDriver] asks the kernel; tests have their
/// own.
///
/// Every method throws an [IOException] that says in words what the driver did not answer or refused.
public interface NicDriver {
    /// Features by the names that `ethtool -k` derives its own from.
    enum Feature {
        /// Segments merged by the NIC's firmware.
        LRO("rx-lro", "lro"),
        /// Segments merged by the kernel after the driver.
        GRO("rx-gro", "gro"),
        /// Segments merged by the NIC in a way that the kernel can undo.
        GRO_HARDWARE("rx-gro-hw", "rx-gro-hw"),
        /// 802.1Q tags taken off received frames.
        RX_VLAN("rx-vlan-hw-parse", "rxvlan");

        private final String kernelName;
        private final String commandName;

        Feature(String kernelName, String commandName) {
            this.kernelName = kernelName;
            this.commandName = commandName;
        }

        /// {@return its name in the kernel's list}
        public String kernelName() {
            return kernelName;
        }

        /// {@return its name on the command line of `ethtool -K`}
        public String commandName() {
            return commandName;
        }
    }

    /// A feature's state.
    ///
    /// @param fixed whether the driver lets nobody change it
    record State(boolean on, boolean fixed) {}

    /// Queues.
    ///
    /// @param combined queues that both receive and send
    record Channels(int rx, int tx, int combined, int rxMax, int combinedMax) {
        /// {@return queues that receive}
        public int receiving() {
            return rx + combined;
        }

        /// {@return the most queues that can receive}
        public int receivingMax() {
            return Math.max(rxMax, combinedMax);
        }
    }

    /// How long the NIC waits before it interrupts.
    ///
    /// @param adaptive whether the driver changes the wait by itself
    record Coalescing(boolean adaptive, int receiveUs) {}

    /// Receive descriptors.
    record Ring(int entries, int entriesMax) {}

    /// Receive-side scaling.
    ///
    /// @param queues  for each hash bucket, the queue that its frames go to
    /// @param hasKey  whether the hash key is anything but zeros
    record Steering(List<Integer> queues, boolean hasKey) {
        /// Copies the list.
        public Steering {
            queues = List.copyOf(queues);
        }
    }

    /// {@return the driver's name}
    String name(String nic) throws IOException;

    /// {@return the state of a feature}
    State feature(String nic, Feature feature) throws IOException;

    /// Switches a feature.
    void setFeature(String nic, Feature feature, boolean on) throws IOException;

    /// {@return the queues}
    Channels channels(String nic) throws IOException;

    /// Changes the number of queues; the maxima are not looked at. May take the link down for a moment.
    void setChannels(String nic, Channels channels) throws IOException;

    /// {@return how long the NIC waits before it interrupts}
    Coalescing coalescing(String nic) throws IOException;

    /// Changes how long the NIC waits.
    void setCoalescing(String nic, Coalescing coalescing) throws IOException;

    /// {@return the receive ring}
    Ring ring(String nic) throws IOException;

    /// Changes the receive ring. May take the link down for a moment.
    void setRing(String nic, int entries) throws IOException;

    /// {@return the hash key and the indirection table}
    Steering steering(String nic) throws IOException;

    /// Writes the indirection table; the key stays.
    void setSteering(String nic, List<Integer> queues) throws IOException;
}
