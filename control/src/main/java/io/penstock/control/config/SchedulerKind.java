package io.penstock.control.config;

/// `listener.NAME.scheduler`: who gets a new flow.
public enum SchedulerKind implements Keyword {
    /// Maglev hash of the 5-tuple; the default.
    MH,
    /// Rotation over the healthy backends in order; weights are ignored (decision C4 of the feature list).
    WRR,
    /// Fewest active flows.
    LC,
    /// Fewest active flows for its weight; `wIc` is an alias.
    WLC,
    /// The same as [#WRR].
    RR,
    /// Smooth weighted rotation.
    SWRR,
    /// Hash of the source address alone.
    SH,
}
