package io.penstock.tools.demo;

import io.penstock.control.config.PortMode;
import io.penstock.control.config.TransportKind;

/// What the demo was asked for.
///
/// @param port      how frames are taken
/// @param transport what wakes the worker
/// @param requests  of the spread, a connection each
/// @param keep      whether all stays up at the end
record DemoPlan(PortMode port, TransportKind transport, int requests, boolean keep) {}
