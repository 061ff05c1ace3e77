package io.penstock.control.config;

/// `listener.NAME.health.target`: what is probed.
public enum HealthTarget implements Keyword {
    /// The backend's own address.
    BACKEND,
    /// The VIP, through the real forwarding path of that backend.
    VIP,
}
