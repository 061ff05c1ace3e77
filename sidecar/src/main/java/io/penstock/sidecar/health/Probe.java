package io.penstock.sidecar.health;

import java.util.function.Consumer;

/// How one backend is asked whether it works: everything but when to ask and what to make of the answer. Made once for
/// a backend and used for every check of it. Belongs to the check thread.
interface Probe {
    /// Starts one check; never throws.
    ///
    /// @param outcome called at most once, on the check thread, perhaps before this method returns
    Attempt start(Consumer<CheckResult> outcome);

    /// One check under way.
    interface Attempt {
        /// Ends the check and lets go of what it holds; its outcome is not called afterwards. Without effect after the
        /// outcome.
        ///
        /// @return what the silence until now says
        CheckResult giveUp();
    }

    /// The attempt that is over already.
    Attempt OVER = () -> CheckResult.failed("over");
}
