package io.penstock.tools.demo;

import io.penstock.control.config.Keyword;
import io.penstock.control.config.PortMode;
import io.penstock.control.config.TransportKind;
import java.util.Arrays;
import java.util.stream.Collectors;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// Options whose values are the words of the properties file.
final class Words {
    private Words() {}

    /// `auto`, `xdp` or `packet`.
    static final class Port implements ITypeConverter<PortMode> {
        @Override
        public PortMode convert(String word) {
            return find(PortMode.values(), word);
        }
    }

    /// `epoll` or `io_uring`.
    static final class Transport implements ITypeConverter<TransportKind> {
        @Override
        public TransportKind convert(String word) {
            return find(TransportKind.values(), word);
        }
    }

    private static <T extends Keyword> T find(T[] values, String word) {
        for (T value : values) {
            if (value.text().equals(word)) {
                return value;
            }
        }
        throw new TypeConversionException("'%s' is not one of %s"
                .formatted(word, Arrays.stream(values).map(Keyword::text).collect(Collectors.joining(", "))));
    }
}
