package io.penstock.sidecar.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/// The libc calls that the sidecar makes, named as in section 2 of the manual. Every method returns the call's result
/// or, on failure, `-errno`. None of them is frequent, so each captures errno in memory of its own.
final class Libc {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CALL_STATE.varHandle(PathElement.groupElement("errno"));

    // int socket(int domain, int type, int protocol)
    private static final MethodHandle SOCKET =
            link("socket", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
    // int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
    private static final MethodHandle SETSOCKOPT =
            link("setsockopt", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
    // int close(int fd)
    private static final MethodHandle CLOSE = link("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    // int kill(pid_t pid, int sig)
    private static final MethodHandle KILL = link("kill", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    // uid_t geteuid(void)
    private static final MethodHandle GETEUID = link("geteuid", FunctionDescriptor.of(JAVA_INT));

    private Libc() {}

    /// {@return a file descriptor, or `-errno`}
    static int socket(int domain, int type, int protocol) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            return result((int) SOCKET.invokeExact(state, domain, type, protocol), state);
        } catch (Throwable t) {
            throw new AssertionError("socket", t);
        }
    }

    /// {@return 0, or `-errno`}
    static int setsockopt(int fd, int level, int name, byte[] value) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            MemorySegment bytes = arena.allocate(value.length);
            bytes.copyFrom(MemorySegment.ofArray(value));
            return result((int) SETSOCKOPT.invokeExact(state, fd, level, name, bytes, value.length), state);
        } catch (Throwable t) {
            throw new AssertionError("setsockopt", t);
        }
    }

    /// {@return 0, or `-errno`}
    static int close(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            return result((int) CLOSE.invokeExact(state, fd), state);
        } catch (Throwable t) {
            throw new AssertionError("close", t);
        }
    }

    /// {@return 0, or `-errno`}
    static int kill(int pid, int signal) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            return result((int) KILL.invokeExact(state, pid, signal), state);
        } catch (Throwable t) {
            throw new AssertionError("kill", t);
        }
    }

    /// {@return the effective user; 0 is root}
    static int geteuid() {
        try (Arena arena = Arena.ofConfined()) {
            return (int) GETEUID.invokeExact(arena.allocate(CALL_STATE));
        } catch (Throwable t) {
            throw new AssertionError("geteuid", t);
        }
    }

    private static int result(int result, MemorySegment state) {
        return result < 0 ? -(int) ERRNO.get(state, 0L) : result;
    }

    @SuppressWarnings("restricted") // The one place of this module that links native code.
    private static MethodHandle link(String name, FunctionDescriptor descriptor) {
        MemorySegment symbol = LINKER.defaultLookup().findOrThrow(name);
        return LINKER.downcallHandle(symbol, descriptor, Linker.Option.captureCallState("errno"));
    }
}
