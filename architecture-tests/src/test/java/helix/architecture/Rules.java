package helix.architecture;

import static com.tngtech.archunit.lang.SimpleConditionEvent.violated;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import java.util.Set;
import java.util.function.BiPredicate;
import org.jspecify.annotations.NullMarked;

/// The rules of docs/architecture.md about who uses whom.
@NullMarked
final class Rules {
    /// Arrows point down only.
    static final ArchRule DOWN =
            classes()
                    .should(
                            useOnly(
                                    "use bundles of their own layer and those below",
                                    (from, to) ->
                                            Layers.bundle(from).equals(Layers.bundle(to))
                                                    || Layers.of(from) >= Layers.of(to)));

    /// Replacing an implementation must not touch its users, so they see only its contract.
    static final ArchRule CONTRACTS =
            classes()
                    .should(
                            useOnly(
                                    "use other bundles by their contract",
                                    (from, to) ->
                                            Layers.bundle(from).equals(Layers.bundle(to))
                                                    || Layers.isShared(Layers.bundle(to))));

    /// A contract has no implementation below it either.
    static final ArchRule PURE_CONTRACTS =
            noClasses()
                    .that()
                    .resideInAPackage("helix..api..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("helix.posix..");

    /// A driver can be replaced without another noticing.
    static final ArchRule DRIVERS =
            classes()
                    .that()
                    .resideInAPackage("helix.driver.(block|net|bus|input|platform)..")
                    .should(
                            useOnly(
                                    "use no other driver",
                                    (from, to) ->
                                            !to.startsWith("helix.driver.")
                                                    || to.startsWith("helix.driver.api")
                                                    || Layers.bundle(from)
                                                            .equals(Layers.bundle(to))));

    /// Machines and HAL meet at the machine SPI; the embedded machine meets models at its own.
    static final ArchRule MACHINES =
            classes()
                    .that()
                    .resideInAPackage("helix.hal..")
                    .should(
                            useOnly(
                                    "keep machines and HAL apart",
                                    (from, to) ->
                                            !to.startsWith("helix.hal.")
                                                    || to.startsWith("helix.hal.api")
                                                    || to.equals("helix.hal.sim.api")
                                                    || Layers.bundle(from)
                                                            .equals(Layers.bundle(to))));

    /// What is internal is nobody else's.
    static final ArchRule INTERNALS =
            classes()
                    .should(
                            useOnly(
                                    "use no other bundle's internal package",
                                    (from, to) ->
                                            !(to + ".").contains(".internal.")
                                                    || Layers.bundle(from)
                                                            .equals(Layers.bundle(to))));

    /// Only helix.posix reaches out of the JVM.
    static final ArchRule DOWNCALLS =
            noClasses()
                    .that()
                    .resideOutsideOfPackage("helix.posix..")
                    .should(callRestrictedMethods());

    private Rules() {}

    private static ArchCondition<JavaClass> useOnly(
            String description, BiPredicate<String, String> allowed) {
        return new ArchCondition<>(description) {
            @Override
            public void check(JavaClass from, ConditionEvents events) {
                for (Dependency d : from.getDirectDependenciesFromSelf()) {
                    String to = d.getTargetClass().getBaseComponentType().getPackageName();
                    boolean ours = to.startsWith("helix.");
                    if (ours && !allowed.test(from.getPackageName(), to)) {
                        events.add(violated(from, d.getDescription()));
                    }
                }
            }
        };
    }

    private static final Set<String> RESTRICTED =
            Set.of(
                    "java.lang.foreign.Linker.nativeLinker",
                    "java.lang.foreign.Linker.downcallHandle",
                    "java.lang.foreign.Linker.upcallStub",
                    "java.lang.foreign.SymbolLookup.libraryLookup",
                    "java.lang.foreign.SymbolLookup.loaderLookup",
                    "java.lang.foreign.MemorySegment.reinterpret",
                    "java.lang.foreign.AddressLayout.withTargetLayout",
                    "java.lang.System.load",
                    "java.lang.System.loadLibrary",
                    "java.lang.Runtime.load",
                    "java.lang.Runtime.loadLibrary");

    private static ArchCondition<JavaClass> callRestrictedMethods() {
        return new ArchCondition<>("call restricted methods") {
            @Override
            public void check(JavaClass from, ConditionEvents events) {
                for (JavaCodeUnit unit : from.getCodeUnits()) {
                    unit.getAccessesFromSelf().forEach(a -> look(from, a, events));
                    unit.getMethodReferencesFromSelf().forEach(a -> look(from, a, events));
                }
            }

            private void look(
                    JavaClass from,
                    com.tngtech.archunit.core.domain.JavaAccess<?> access,
                    ConditionEvents events) {
                String target = access.getTargetOwner().getName() + "." + access.getName();
                if (RESTRICTED.contains(target)) {
                    events.add(
                            com.tngtech.archunit.lang.SimpleConditionEvent.satisfied(
                                    from, access.getDescription()));
                }
            }
        };
    }
}
