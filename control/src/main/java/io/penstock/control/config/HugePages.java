package io.penstock.control.config;

/// `forwarder.huge-pages`: whether the tables and packet memory ask for huge pages.
public enum HugePages implements Keyword {
    /// Where the host has them.
    AUTO,
    /// Or refuse to start.
    ON,
    /// Never.
    OFF,
}
