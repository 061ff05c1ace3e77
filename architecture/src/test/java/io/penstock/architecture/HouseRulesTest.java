package io.penstock.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import java.lang.foreign.Linker;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/// What holds in all of the product's classes.
class HouseRulesTest {
    private static final DescribedPredicate<JavaClass> START_A_PROCESS =
            new DescribedPredicate<>("have a main method") {
                @Override
                public boolean test(JavaClass type) {
                    return type.tryGetMethod("main", String[].class).isPresent();
                }
            };

    @Test
    void shouldUseNoUnsafe() {
        noClasses()
                .should()
                .dependOnClassesThat(resideInAPackage("sun..").or(resideInAPackage("jdk.internal..")))
                .check(Product.CLASSES);
    }

    /// Addresses without bounds are used in one class, which says who may ask it.
    @Test
    void shouldReadAndWriteAtAddressesInOnePlace() {
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName("io.penstock.flowtable.NativeMemory")
                .should()
                .dependOnClassesThat()
                .haveFullyQualifiedName("org.agrona.UnsafeApi")
                .check(Product.CLASSES);
    }

    /// Native code is linked in the packages of Linux bindings, nowhere else.
    @Test
    void shouldLinkNativeCodeInThePackagesOfBindings() {
        noClasses()
                .that()
                .resideOutsideOfPackages("io.penstock.*.linux..")
                .and()
                .haveNameNotMatching("io\\.penstock\\.bench\\.path\\.CLoop.*") // A C peer, for comparison.
                .should()
                .callMethod(Linker.class, "nativeLinker")
                .check(Product.CLASSES);
    }

    /// A critical call holds up every safepoint until it returns, and a system call may block.
    @Test
    void shouldLinkNoCriticalCalls() {
        noClasses()
                .should()
                .callMethod(Linker.Option.class, "critical", boolean.class)
                .check(Product.CLASSES);
    }

    /// The date can be set, and jumps. What lasts a time is reckoned by a clock that nobody can set: flows,
    /// drains, slow starts, checks. The forwarder's own date is for people to read, and for the age of its last
    /// sign of life.
    @Test
    void shouldReckonByTheMonotonicClock() {
        noClasses()
                .that()
                .resideInAnyPackage(
                        "io.penstock.flowtable..",
                        "io.penstock.control.snapshot..",
                        "io.penstock.forwarder..",
                        "io.penstock.sidecar..")
                .and()
                .doNotHaveFullyQualifiedName("io.penstock.forwarder.process.Forwarder") // Started and stopped.
                .and()
                .doNotHaveFullyQualifiedName("io.penstock.forwarder.process.Conductor") // Alive.
                .and()
                .doNotHaveFullyQualifiedName("io.penstock.forwarder.process.Traces") // When a frame came.
                .should()
                .callMethod(System.class, "currentTimeMillis")
                .orShould()
                .callMethod(Instant.class, "now")
                .check(Product.CLASSES);
    }

    /// Commands print, others return; what happened meanwhile goes to the log.
    @Test
    void shouldLeavePrintingToCommandsAndTheLog() {
        noClasses()
                .that()
                .resideOutsideOfPackages("io.penstock.control.cli..", "io.penstock.control.log..")
                .and()
                .haveSimpleNameNotEndingWith("Command")
                .and(not(START_A_PROCESS))
                .should()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .check(Product.CLASSES);
        noClasses().should().callMethod(Throwable.class, "printStackTrace").check(Product.CLASSES);
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAPackage("java.util.logging..")
                .check(Product.CLASSES);
    }

    @Test
    void shouldEndTheProcessOnlyWhereItBegins() {
        noClasses()
                .that(not(START_A_PROCESS))
                .and()
                .resideOutsideOfPackage("io.penstock.control.cli..")
                .should()
                .callMethod(System.class, "exit", int.class)
                .orShould()
                .callMethod(Runtime.class, "halt", int.class)
                .check(Product.CLASSES);
    }

    @Test
    void shouldNameClassesByWhatTheyAre() {
        noClasses().should().haveNameMatching(".*(Manager|Helper|Utils?|Impl)").check(Product.CLASSES);
        noClasses().should().haveSimpleNameStartingWith("Abstract").check(Product.CLASSES);
    }

    @Test
    void shouldNameCommandsSo() {
        classes()
                .that()
                .areAnnotatedWith("picocli.CommandLine$Command")
                .and()
                .areTopLevelClasses()
                .should()
                .haveSimpleNameEndingWith("Command")
                .orShould()
                .haveSimpleNameEndingWith("Main")
                .orShould()
                .haveSimpleNameEndingWith("Options")
                .check(Product.CLASSES);
    }

    /// What changes belongs to an object with an owner, never to a class.
    @Test
    void shouldHaveNoGlobalState() {
        fields().that()
                .areStatic()
                .and()
                .areDeclaredInClassesThat()
                .resideOutsideOfPackage("..jmh_generated..")
                .should()
                .beFinal()
                .check(Product.CLASSES);
    }
}
