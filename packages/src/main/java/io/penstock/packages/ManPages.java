package io.penstock.packages;

import io.penstock.control.config.ConfigKeys;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/// Man pages (man-pages(7), groff_man(7)) from the commands' own descriptions, and one of the properties file from its
/// keys. picocli's generator writes AsciiDoc, for which a further tool would be needed.
final class ManPages {
    private final String version;

    /// @param version shown at the foot of each page
    ManPages(String version) {
        this.version = version;
    }

    /// {@return the pages by file name}
    Map<String, String> pages(CommandLine root) {
        Map<String, String> pages = new LinkedHashMap<>();
        pages.put("penstock.1", overview(root));
        collect(root, pages);
        pages.put("penstock.properties.5", properties());
        return pages;
    }

    private void collect(CommandLine parent, Map<String, String> pages) {
        parent.getSubcommands().values().forEach(command -> {
            pages.put(dashed(command) + ".1", page(command));
            collect(command, pages);
        });
    }

    private static String dashed(CommandLine command) {
        return command.getCommandSpec().qualifiedName("-");
    }

    private String overview(CommandLine root) {
        StringBuilder page = head("penstock", 1, root);
        page.append(".SH SYNOPSIS\n.B penstock\n.I COMMAND\n[options]\n");
        page.append(".SH COMMANDS\n");
        root.getSubcommands()
                .forEach((name, command) -> page.append(".TP\n.BR penstock\\-")
                        .append(escape(name))
                        .append(" (1)\n")
                        .append(escape(purpose(command)))
                        .append('\n'));
        page.append(".SH FILES\n");
        item(page, "/etc/penstock/INSTANCE.properties", "The configuration; see penstock.properties(5).");
        item(page, "/run/penstock/INSTANCE", "The runtime folder: flows, counters, desired state.");
        exitStatus(page);
        page.append(".SH EXAMPLE\n.nf\nsudo penstock demo\n.fi\n");
        page.append(".SH SEE ALSO\n.BR penstock.properties (5)\n");
        return page.toString();
    }

    private String page(CommandLine command) {
        CommandSpec spec = command.getCommandSpec();
        StringBuilder page = head(dashed(command), 1, command);
        page.append(".SH SYNOPSIS\n.nf\n")
                .append(escape(command.getHelp().synopsis(0).strip()))
                .append("\n.fi\n");
        page.append(".SH DESCRIPTION\n");
        for (String paragraph : spec.usageMessage().description()) {
            page.append(escape(plain(paragraph))).append("\n.PP\n");
        }
        if (!command.getSubcommands().isEmpty()) {
            page.append(".SH COMMANDS\n");
            command.getSubcommands().forEach((name, sub) -> item(page, name, purpose(sub)));
        }
        if (!spec.positionalParameters().isEmpty()) {
            page.append(".SH ARGUMENTS\n");
            for (PositionalParamSpec parameter : spec.positionalParameters()) {
                item(page, parameter.paramLabel(), text(parameter));
            }
        }
        page.append(".SH OPTIONS\n");
        for (OptionSpec option : spec.options()) {
            if (!option.hidden()) {
                String value = option.arity().max() > 0 ? "=" + option.paramLabel() : "";
                item(page, String.join(", ", option.names()) + value, text(option));
            }
        }
        exitStatus(page);
        String[] footer = spec.usageMessage().footer();
        if (footer.length > 0) {
            page.append(".SH EXAMPLE\n.nf\n");
            for (String line : footer) {
                page.append(escape(plain(line.strip()))).append('\n');
            }
            page.append(".fi\n");
        }
        page.append(".SH SEE ALSO\n.BR penstock (1),\n.BR penstock.properties (5)\n");
        return page.toString();
    }

    private String properties() {
        StringBuilder page = new StringBuilder(title("penstock.properties", 5));
        page.append(".SH NAME\npenstock.properties \\- configuration of a Penstock instance\n");
        page.append(".SH DESCRIPTION\n")
                .append(
                        "Java properties in UTF-8, one key=value a line; a comment begins with # and has a line of its own. ")
                .append("Durations take ms, s, m, h; a bare number is seconds. Sizes take k, m, g. ")
                .append("penstock\\-check(1) tells every problem at once, or the effective configuration.\n");
        String section = "";
        for (ConfigKeys.Key key : ConfigKeys.all()) {
            if (!key.section().equals(section)) {
                section = key.section();
                page.append(".SH \"KEYS: ")
                        .append(section.toUpperCase(java.util.Locale.ROOT))
                        .append("\"\n");
            }
            item(
                    page,
                    key.pattern(),
                    key.meaning() + " Values: " + key.expected() + "."
                            + (key.defaultValue().isEmpty() ? "" : " Default: " + key.defaultValue() + "."));
        }
        page.append(".SH SEE ALSO\n.BR penstock (1)\n");
        return page.toString();
    }

    private StringBuilder head(String name, int section, CommandLine command) {
        return new StringBuilder(title(name, section))
                .append(".SH NAME\n")
                .append(escape(name))
                .append(" \\- ")
                .append(escape(purpose(command)))
                .append('\n');
    }

    private String title(String name, int section) {
        return ".TH " + name.toUpperCase(java.util.Locale.ROOT).replace("-", "\\-") + " " + section
                + " \"\" \"penstock " + version + "\" \"Penstock\"\n";
    }

    /// {@return the first sentence of the description, as a line of NAME wants it}
    private static String purpose(CommandLine command) {
        String[] description = command.getCommandSpec().usageMessage().description();
        String first = description.length == 0 ? "" : plain(description[0]);
        int end = first.indexOf(". ");
        String sentence = end < 0 ? first : first.substring(0, end);
        return sentence.endsWith(".") ? sentence.substring(0, sentence.length() - 1) : sentence;
    }

    private static String text(ArgSpec argument) {
        return String.join(
                " ",
                List.of(argument.description()).stream().map(ManPages::plain).toList());
    }

    private static void exitStatus(StringBuilder page) {
        page.append(".SH EXIT STATUS\n");
        item(page, "0", "Done.");
        item(page, "1", "It failed while running.");
        item(page, "2", "Wrong usage, or an invalid configuration.");
        item(page, "3", "The host lacks something: privilege, kernel feature, JDK.");
    }

    private static void item(StringBuilder page, String term, String text) {
        page.append(".TP\n\\fB")
                .append(escape(term))
                .append("\\fR\n")
                .append(escape(text))
                .append('\n');
    }

    /// picocli's descriptions are format strings that may hold markup.
    private static String plain(String text) {
        return Ansi.OFF.string(text.replace("%n", "\n").replace("%%", "%"));
    }

    private static String escape(String text) {
        return text.replace("\\", "\\e").replace("-", "\\-").replaceAll("(?m)^([.'])", "\\\\&$1");
    }
}
