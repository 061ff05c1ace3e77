package io.penstock.control.cli;

import picocli.CommandLine;

/// The version of this program, from the manifest of its jar.
public final class ProductVersion implements CommandLine.IVersionProvider {
    /// {@return the version; `development` where classes run without a jar}
    public static String text() {
        String version = ProductVersion.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }

    @Override
    public String[] getVersion() {
        return new String[] {"penstock " + text() + ", Java " + Runtime.version()};
    }
}
