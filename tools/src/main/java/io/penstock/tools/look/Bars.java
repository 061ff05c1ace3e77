package io.penstock.tools.look;

import io.penstock.control.cli.Units;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.status.StatusView.BackendView;
import java.util.List;
import java.util.function.ToLongFunction;

/// Shares as bars, in ASCII so that any terminal shows them. For the backends of a listener each bar says which
/// share of the live flows a backend has, and a `|` which share its weight gives it; all are drawn to the
/// longest one's scale.
final class Bars {
    private static final char FILLED = '#';
    private static final char FAIR = '|';

    private final ToLongFunction<BackendView> flowsOf;
    private final long flows;
    private final long weights;
    private final double scale;
    private final int width;

    private Bars(ToLongFunction<BackendView> flowsOf, long flows, long weights, double scale, int width) {
        this.flowsOf = flowsOf;
        this.flows = flows;
        this.weights = weights;
        this.scale = scale;
        this.width = width;
    }

    /// {@return bars for the backends of a listener}
    ///
    /// @param flowsOf what is compared, 0 or more for each
    /// @param width   columns of the longest
    static Bars of(List<BackendView> backends, ToLongFunction<BackendView> flowsOf, int width) {
        long flows = backends.stream().mapToLong(flowsOf).sum();
        long weights = backends.stream().mapToLong(Bars::weight).sum();
        Bars unscaled = new Bars(flowsOf, flows, weights, 1, width);
        double longest = backends.stream()
                .mapToDouble(backend -> Math.max(unscaled.shareOf(backend), unscaled.fairShareOf(backend)))
                .max()
                .orElse(1);
        return new Bars(flowsOf, flows, weights, Math.max(longest, 1e-9), width);
    }

    private static long weight(BackendView backend) {
        boolean isUsed = backend.health() != Health.DOWN && backend.admin() == Admin.IN;
        return isUsed ? backend.effectiveWeight() : 0;
    }

    private double shareOf(BackendView backend) {
        return flows == 0 ? 0 : (double) flowsOf.applyAsLong(backend) / flows;
    }

    private double fairShareOf(BackendView backend) {
        return weights == 0 ? 0 : (double) weight(backend) / weights;
    }

    /// {@return the share of the flows in words}
    String share(BackendView backend) {
        return flows == 0 ? "-" : Units.percent(shareOf(backend));
    }

    /// {@return the bar}
    String bar(BackendView backend) {
        StringBuilder bar = new StringBuilder(bar(shareOf(backend) / scale, width));
        int fair = (int) Math.round(fairShareOf(backend) / scale * width) - 1;
        if (fair >= 0) {
            while (bar.length() <= fair) {
                bar.append(' ');
            }
            bar.setCharAt(fair, FAIR);
        }
        return bar.toString();
    }

    /// {@return a bar for a share of 0 to 1; anything above 0 can be seen}
    static String bar(double share, int width) {
        int filled = (int) Math.round(Math.clamp(share, 0, 1) * width);
        return String.valueOf(FILLED).repeat(share > 0 ? Math.max(1, filled) : 0);
    }
}
