package io.penstock.tuning.check;

import io.penstock.tuning.host.Finding;
import io.penstock.tuning.host.Host;
import io.penstock.tuning.host.Target;
import java.util.List;

/// Looks at one part of a host. Reads only.
public interface Check {
    /// Adds what was found, also what is well and what could not be read.
    void look(Host host, Target target, List<Finding> findings);
}
