package io.penstock.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Who may know whom: the lines between modules, packages and libraries.
class ModulesTest {
    private static final String ROOT = "io.penstock.";

    /// What each module may know of the others.
    private static final Map<String, List<String>> KNOWS = Map.of(
            "flowtable", List.of(),
            "control", List.of(),
            "forwarder", List.of("flowtable", "control"),
            "sidecar", List.of("control"),
            "tuning", List.of("control"),
            "tools", List.of("control"),
            "bench", List.of("flowtable", "control", "forwarder"));

    /// Packages of the forwarder, those first that know none of the others. ARCHITECTURE.md has the same.
    private static final List<String> FORWARDER_LAYERS =
            List.of("linux", "port", "path", "trace", "transport", "worker", "replay", "process", "backend", "cli");

    @Test
    void shouldKnowOnlyTheModulesBelow() {
        assertEquals(Product.MODULES.size(), KNOWS.size());
        KNOWS.forEach((module, known) -> {
            List<String> foreign = new ArrayList<>(Product.MODULES);
            foreign.remove(module);
            foreign.removeAll(known);
            noClasses()
                    .that()
                    .resideInAPackage(ROOT + module + "..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(packages(foreign))
                    .check(Product.CLASSES);
        });
    }

    @Test
    void shouldKnowOnlyTheLayersBefore() {
        List<String> layers = FORWARDER_LAYERS;
        for (int i = 0; i < layers.size() - 1; i++) {
            noClasses()
                    .that()
                    .resideInAPackage(ROOT + "forwarder." + layers.get(i) + "..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(layers.subList(i + 1, layers.size()).stream()
                            .map(layer -> ROOT + "forwarder." + layer + "..")
                            .toArray(String[]::new))
                    .check(Product.CLASSES);
        }
    }

    @Test
    void shouldKeepEachModuleInPackagesOfItsOwn() {
        for (String module : Product.MODULES) {
            classes()
                    .that(new Located(module))
                    .should()
                    .resideInAPackage(ROOT + module + "..")
                    .check(Product.CLASSES);
        }
    }

    @Test
    void shouldHaveNoCyclesBetweenPackages() {
        slices().matching("io.penstock.(**)").should().beFreeOfCycles().check(Product.CLASSES);
    }

    @Test
    void shouldSayWhatEachPackageIsFor() {
        List<String> silent = Product.CLASSES.stream()
                .filter(type -> !type.getPackageName().endsWith(".jmh_generated"))
                .map(type -> type.getPackageName())
                .distinct()
                .filter(name -> Product.MODULES.stream()
                        .noneMatch(module -> Files.exists(Product.ROOT
                                .resolve(module)
                                .resolve("src/main/java")
                                .resolve(name.replace('.', '/'))
                                .resolve("package-info.java"))))
                .sorted()
                .toList();
        assertEquals(List.of(), silent, "packages without package-info.java, which carries @NullMarked too");
    }

    @Test
    void shouldKeepTheFlowTableALibraryWithoutInputOutputOrThreads() {
        classes()
                .that()
                .resideInAPackage(ROOT + "flowtable..")
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        ROOT + "flowtable..",
                        "java.lang",
                        "java.lang.foreign",
                        "java.lang.invoke",
                        "java.lang.annotation",
                        "java.nio", // ByteOrder
                        "java.util",
                        "java.util.concurrent.atomic",
                        "java.util.function",
                        "java.util.stream",
                        "org.agrona", // UnsafeApi, in NativeMemory alone
                        "org.jspecify..")
                .check(Product.CLASSES);
        noClasses()
                .that()
                .resideInAPackage(ROOT + "flowtable..")
                .should()
                .dependOnClassesThat()
                .haveFullyQualifiedName(ProcessBuilder.class.getName())
                .orShould()
                .callConstructor(Thread.class, Runnable.class)
                .orShould()
                .callMethod(Thread.class, "ofPlatform")
                .orShould()
                .callMethod(Thread.class, "ofVirtual")
                .check(Product.CLASSES);
    }

    /// The packet path is the same over a card, over a capture and in a test: it sees ports, tables and time, no host.
    @Test
    void shouldKeepThePacketPathAwayFromTheHost() {
        noClasses()
                .that()
                .resideInAPackage(ROOT + "forwarder.path..")
                .should()
                .dependOnClassesThat(resideInAnyPackage(
                                ROOT + "forwarder.linux..",
                                ROOT + "forwarder.transport..",
                                ROOT + "forwarder.worker..",
                                ROOT + "forwarder.process..",
                                ROOT + "control.log..",
                                ROOT + "control.cli..",
                                ROOT + "control.runtime..",
                                "java.io..",
                                "java.nio.channels..",
                                "java.nio.file..",
                                "java.util.logging..",
                                "java.util.concurrent.locks..",
                                "io.netty..",
                                "org.agrona..")
                        .as("are of the host, the process or a library for I/O"))
                .check(Product.CLASSES);
    }

    /// Addresses are what the packet path may take from java.net: nothing that opens a socket or asks for a name.
    @Test
    void shouldTakeOnlyAddressesFromTheNetworkPackage() {
        noClasses()
                .that()
                .resideInAPackage(ROOT + "forwarder.path..")
                .should()
                .dependOnClassesThat(resideInAPackage("java.net..")
                        .and(not(new Named(
                                "java.net.InetAddress",
                                "java.net.Inet4Address",
                                "java.net.Inet6Address",
                                "java.net.UnknownHostException"))))
                .check(Product.CLASSES);
    }

    @Test
    void shouldReplayWithoutAHost() {
        noClasses()
                .that()
                .resideInAPackage(ROOT + "forwarder.replay..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(ROOT + "forwarder.linux..", ROOT + "forwarder.transport..", "io.netty..")
                .check(Product.CLASSES);
    }

    /// What is asked of the kernel lies in one package; those who need it are few.
    @Test
    void shouldAskTheKernelFromFewPlaces() {
        noClasses()
                .that()
                .resideInAPackage(ROOT + "forwarder..")
                .and()
                .resideOutsideOfPackages(
                        ROOT + "forwarder.linux..",
                        ROOT + "forwarder.port..",
                        ROOT + "forwarder.transport..",
                        ROOT + "forwarder.worker..",
                        ROOT + "forwarder.process..",
                        ROOT + "forwarder.backend..",
                        ROOT + "forwarder.cli..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage(ROOT + "forwarder.linux..")
                .check(Product.CLASSES);
    }

    @Test
    void shouldUseEachLibraryWhereItBelongs() {
        only("io.netty..", ROOT + "forwarder.transport..", ROOT + "sidecar..");
        only("org.jctools.queues..", ROOT + "forwarder.worker..");
        only("org.openjdk.jmh..", ROOT + "bench.micro..");
        only(
                "org.agrona..",
                ROOT + "flowtable",
                ROOT + "control.status..",
                ROOT + "forwarder.worker..",
                ROOT + "forwarder.process..",
                ROOT + "sidecar.health..",
                ROOT + "bench.micro..");
    }

    private static void only(String library, String... users) {
        noClasses()
                .that()
                .resideOutsideOfPackages(users)
                .should()
                .dependOnClassesThat()
                .resideInAPackage(library)
                .check(Product.CLASSES);
    }

    private static String[] packages(List<String> modules) {
        return modules.stream().map(module -> ROOT + module + "..").toArray(String[]::new);
    }
}
