package io.penstock.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.AccessTarget.CodeUnitAccessTarget;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaConstructorCall;
import com.tngtech.archunit.core.domain.JavaMethod;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/// Everything that `ForwardingWorker.doWork` may reach, through all implementations of what it calls by interface:
/// no objects are made there, and the JDK is asked for little more than arithmetic and memory. What runs is measured by
/// the tests that count allocated bytes; this one sees also what rarely runs.
class HotPathTest {
    private static final String WORKER = "io.penstock.forwarder.worker.ForwardingWorker";

    /// Called at most once a cycle, for what the conductor asks: announcements.
    private static final String COMMAND = "io.penstock.forwarder.worker.WorkerCommand";

    /// What the JDK and the libraries are asked for. Method handles are system calls, at most a few a batch.
    private static final List<String> ASKED = List.of(
            "java.lang.Math.",
            "java.lang.Integer.",
            "java.lang.Long.",
            "java.lang.Short.",
            "java.lang.Byte.",
            "java.lang.System.nanoTime(",
            "java.lang.System.arraycopy(",
            "java.lang.foreign.MemorySegment.",
            "java.lang.invoke.VarHandle.",
            "java.lang.invoke.MethodHandle.",
            "java.util.Arrays.fill(",
            "java.util.Objects.requireNonNull(",
            "java.util.Objects.checkIndex(",
            "java.util.Objects.checkFromIndexSize(",
            "java.util.function.LongSupplier.getAsLong(",
            "java.util.concurrent.atomic.",
            "java.lang.Thread.onSpinWait(", // Between bounded attempts at a shared entry.
            "java.lang.Class.desiredAssertionStatus(",
            "java.lang.Object.getClass(",
            "org.agrona.UnsafeApi.",
            "org.jctools.queues.varhandle.SpscVarHandleArrayQueue.poll(");

    /// Boxes, and what makes arrays, strings or segments.
    private static final List<String> NOT_ASKED = List.of(
            ".valueOf(", ".toString(", ".toHexString(", ".asSlice(", ".reinterpret(", ".toArray(", ".asByteBuffer(");

    @Test
    void shouldMakeNoObjectsAndCallLittleOfTheJdk() {
        Map<String, TreeSet<String>> wrong = new LinkedHashMap<>();
        Map<JavaCodeUnit, String> reached = reach();
        for (JavaCodeUnit method : reached.keySet()) {
            for (JavaCall<?> call : method.getCallsFromSelf()) {
                if (!isAllowed(call)) {
                    wrong.computeIfAbsent(name(call.getTarget()), key -> new TreeSet<>())
                            .add(call.getOrigin().getOwner().getSimpleName() + "."
                                    + call.getOrigin().getName() + ":" + call.getLineNumber());
                }
            }
        }
        assertTrue(reached.size() > 200, "methods reached: " + reached.size());
        assertEquals(Map.of(), wrong, "called from the packet path");
    }

    private static boolean isAllowed(JavaCall<?> call) {
        JavaClass owner = call.getTargetOwner();
        if (call instanceof JavaConstructorCall) {
            return owner.isAssignableTo(Throwable.class); // Of assertions and of what cannot be.
        }
        if (owner.getPackageName().startsWith("io.penstock")) {
            return true;
        }
        String name = name(call.getTarget());
        return ASKED.stream().anyMatch(name::startsWith) && NOT_ASKED.stream().noneMatch(name::contains);
    }

    private static String name(CodeUnitAccessTarget target) {
        return target.getFullName();
    }

    /// {@return the methods that the duty cycle may come to, each with the one it was first reached from}
    private static Map<JavaCodeUnit, String> reach() {
        Map<JavaCodeUnit, String> reached = new LinkedHashMap<>();
        Deque<JavaCodeUnit> open = new ArrayDeque<>();
        JavaMethod start = Product.CLASSES.get(WORKER).getMethod("doWork");
        reached.put(start, "");
        open.add(start);
        while (!open.isEmpty()) {
            JavaCodeUnit from = open.remove();
            for (JavaCall<?> call : from.getCallsFromSelf()) {
                for (JavaCodeUnit to : targets(call)) {
                    if (reached.putIfAbsent(to, from.getFullName()) == null) {
                        open.add(to);
                    }
                }
            }
        }
        return reached;
    }

    private static List<JavaCodeUnit> targets(JavaCall<?> call) {
        JavaClass owner = call.getTargetOwner();
        if (!owner.getPackageName().startsWith("io.penstock")
                || owner.getFullName().equals(COMMAND)
                || call instanceof JavaConstructorCall) {
            return List.of();
        }
        List<JavaCodeUnit> targets = new ArrayList<>();
        call.getTarget().resolveMember().map(JavaCodeUnit.class::cast).ifPresent(targets::add);
        String[] parameters = call.getTarget().getRawParameterTypes().stream()
                .map(JavaClass::getFullName)
                .toArray(String[]::new);
        for (JavaClass implementation : owner.getAllSubclasses()) {
            implementation.tryGetMethod(call.getTarget().getName(), parameters).ifPresent(targets::add);
        }
        return targets;
    }
}
