package io.penstock.bench.path;

/// Flow numbers in random order, each as likely as any other. The loop in C draws the same ones.
///
/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
public final class FlowOrder {
    private static final long GOLDEN = 0x9e3779b97f4a7c15L;

    private final int flows;
    private long state;

    /// @param flows how many there are
    public FlowOrder(long seed, int flows) {
        this.flows = flows;
        state = seed;
    }

    /// {@return the next number, `0..flows - 1`}
    public int next() {
        state += GOLDEN;
        long mixed = (state ^ (state >>> 30)) * 0xbf58476d1ce4e5b9L;
        mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
        return (int) (((mixed >>> 32) * flows) >>> 32);
    }
}
