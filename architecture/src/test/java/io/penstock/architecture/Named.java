package io.penstock.architecture;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import java.util.Set;

/// Classes of these names.
final class Named extends DescribedPredicate<JavaClass> {
    private final Set<String> names;

    Named(String... names) {
        super("are " + String.join(", ", names));
        this.names = Set.of(names);
    }

    @Override
    public boolean test(JavaClass type) {
        return names.contains(type.getFullName());
    }
}
