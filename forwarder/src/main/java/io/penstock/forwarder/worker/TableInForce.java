package io.penstock.forwarder.worker;

import io.penstock.forwarder.path.ListenerTable;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/// Where the conductor puts the listener table that is in force, and a worker finds it. What was written before a table
/// was put there, backend records among it, is seen by whoever finds that table or a later one.
public final class TableInForce {
    private static final VarHandle TABLE;

    static {
        try {
            TABLE = MethodHandles.lookup().findVarHandle(TableInForce.class, "table", ListenerTable.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    @SuppressWarnings({"FieldMayBeFinal", "UnusedVariable"}) // Read and written through TABLE.
    private ListenerTable table = ListenerTable.EMPTY;

    /// Conductor: puts a table in force.
    public void publish(ListenerTable next) {
        // Release: pairs with the acquire of get().
        TABLE.setRelease(this, next);
    }

    /// {@return the table in force}
    public ListenerTable get() {
        // Acquire: pairs with the release of publish(); what the table refers to was written before it.
        return (ListenerTable) TABLE.getAcquire(this);
    }
}
