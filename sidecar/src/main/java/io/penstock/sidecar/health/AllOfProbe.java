package io.penstock.sidecar.health;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/// Several probes at once, all of which must succeed: a listener with more than one VIP, checked at its VIPs.
///
/// @param parts at least one
record AllOfProbe(List<Probe> parts) implements Probe {
    @Override
    public Attempt start(Consumer<CheckResult> outcome) {
        Joint joint = new Joint(outcome);
        for (Probe part : parts) {
            Attempt[] own = {OVER};
            boolean[] answered = {false};
            own[0] = part.start(result -> {
                answered[0] = true;
                joint.open.remove(own[0]);
                joint.take(result);
            });
            if (!answered[0]) {
                joint.open.add(own[0]);
            }
        }
        joint.started = true;
        joint.finishIfDone();
        return joint;
    }

    private static final class Joint implements Attempt {
        private final Consumer<CheckResult> outcome;
        private final List<Attempt> open = new ArrayList<>();
        private CheckResult result = CheckResult.OK;
        private boolean started;
        private boolean over;

        Joint(Consumer<CheckResult> outcome) {
            this.outcome = outcome;
        }

        private void take(CheckResult one) {
            result = worse(result, one);
            finishIfDone();
        }

        private void finishIfDone() {
            boolean decided = open.isEmpty() || result.verdict() != CheckResult.Verdict.OK;
            if (started && decided && !over) {
                over = true;
                open.forEach(Attempt::giveUp);
                open.clear();
                outcome.accept(result);
            }
        }

        @Override
        public CheckResult giveUp() {
            over = true;
            for (Attempt attempt : open) {
                result = worse(result, attempt.giveUp());
            }
            open.clear();
            return result;
        }

        // The first result that is not a success stands.
        private static CheckResult worse(CheckResult one, CheckResult other) {
            return one.verdict() == CheckResult.Verdict.OK ? other : one;
        }
    }
}
