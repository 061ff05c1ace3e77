package io.penstock.control.config;

/// `listener.NAME.midstream`: what becomes of a TCP packet that has no flow and is no SYN.
public enum Midstream implements Keyword {
    /// The client gets a RST from the VIP, rate-limited.
    RESET,
    /// Dropped and counted.
    DROP,
    /// Treated as a flow of ours: for clusters that share VIPs.
    ADOPT,
}
