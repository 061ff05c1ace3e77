package io.penstock.control.cli;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;

/// Handlers for the signals that a service answers: `HUP` (read the file again), `TERM` and `INT` (stop).
///
/// The JDK's one way to handle a signal is `sun.misc.Signal` (module jdk.unsupported, exported on purpose, JEP 260). It
/// is called reflectively: a compiler with `--release` warns about it, and our warnings are errors.
public final class Signals {
    private Signals() {}

    /// From now on runs `action` whenever the signal arrives, on a thread of its own, instead of what the JVM does.
    ///
    /// @param name   without `SIG`
    /// @param action should be short; it never runs twice at once for one signal
    @SuppressWarnings("ReferenceEquality") // A proxy is equal to itself alone.
    public static void on(String name, Runnable action) {
        Object lock = new Object();
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            InvocationHandler calls = (proxy, method, arguments) -> switch (method.getName()) {
                case "handle" -> {
                    synchronized (lock) {
                        action.run();
                    }
                    yield null;
                }
                case "equals" -> arguments != null && proxy == arguments[0];
                case "hashCode" -> System.identityHashCode(proxy);
                default -> "handler of SIG" + name;
            };
            signal.getMethod("handle", signal, handler)
                    .invoke(
                            null,
                            signal.getConstructor(String.class).newInstance(name),
                            Proxy.newProxyInstance(handler.getClassLoader(), new Class<?>[] {handler}, calls));
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot handle SIG" + name + " on this JVM", e);
        }
    }
}
