package io.penstock.architecture;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;

/// Classes that were compiled in a module's folder.
final class Located extends DescribedPredicate<JavaClass> {
    private final String folder;

    Located(String module) {
        super("are compiled in module " + module);
        folder = "/" + module + "/target/classes/";
    }

    @Override
    public boolean test(JavaClass type) {
        return type.getSource()
                .map(source -> source.getUri().getPath().contains(folder))
                .orElse(false);
    }
}
