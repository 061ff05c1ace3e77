package io.penstock.flowtable;

/// What a flow entry knows of its flow, from the client's half alone. Three bits of an entry's first word.
public final class FlowState {
    /// No flow: the slot is free.
    public static final int EMPTY = 0;

    /// TCP: a SYN was seen, nothing else yet.
    public static final int HALF_OPEN = 1;

    /// TCP: the client went on after its SYN. UDP: always.
    public static final int ESTABLISHED = 2;

    /// TCP: the client sent FIN.
    public static final int CLOSING = 3;

    /// TCP: the client sent RST.
    public static final int RESET = 4;

    private static final String[] NAMES = {"empty", "half_open", "established", "closing", "reset"};

    private FlowState() {}

    /// {@return the name that people and programs read}
    ///
    /// @param state one of the constants
    public static String name(int state) {
        return NAMES[state];
    }
}
