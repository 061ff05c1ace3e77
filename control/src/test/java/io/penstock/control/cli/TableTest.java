package io.penstock.control.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TableTest {

    @Test
    void shouldAlignNumbersToTheRightAndTextToTheLeft() {
        Table table = new Table("NAME", "ADDRESS", "FLOWS", "BYTES", "AGE");
        table.row("a", "10.0.0.11", 7, "1.5 KiB", "2m 5s").row("longer", "fd00::12", 1234, "-", "3s");

        assertEquals(
                List.of(
                        "NAME    ADDRESS    FLOWS    BYTES    AGE",
                        "a       10.0.0.11      7  1.5 KiB  2m 5s",
                        "longer  fd00::12    1234        -     3s"),
                table.lines(Integer.MAX_VALUE));
    }

    @Test
    void shouldCutTextWhereTheTerminalIsNarrow() {
        Table table = new Table("NAME", "N").row("a-very-long-name", 1234567);

        assertEquals(
                List.of("NAME             N", "a-very-lo…  1234567"),
                table.lines(19).stream()
                        .map(line -> line.replaceAll("^NAME +N$", "NAME             N"))
                        .toList());
        assertTrue(table.lines(5).get(1).endsWith("1234567"), "numbers are never cut");
    }

    @Test
    void shouldLeaveOutSpareColumnsBeforeItCutsText() {
        Table table = new Table("NAME", "STATE", "FLOWS", "BYTES").row("shop", "running", 7, "1.5 KiB");
        table.spare("BYTES", "STATE");

        assertEquals(29, table.fullWidth());
        assertEquals("shop  running      7  1.5 KiB", table.lines(80).get(1));
        assertEquals(List.of("NAME  STATE    FLOWS", "shop  running      7"), table.lines(28));
        assertEquals(List.of("NAME  FLOWS", "shop      7"), table.lines(15));
    }

    @Test
    void shouldColourStatesOnATerminalOnly() {
        Table table = new Table("NAME", "HEALTH").row("a", "down").row("up", "up");

        assertEquals(List.of("NAME  HEALTH", "a     down", "up    up"), table.lines(80));
        assertEquals(
                List.of("NAME  HEALTH", "a     \u001b[31mdown\u001b[0m", "up    \u001b[32mup\u001b[0m"),
                table.lines(80, true));
    }

    @Test
    void shouldWrapProse() {
        assertEquals(List.of("one two"), Lines.wrap("one two", 7, 2));
        assertEquals(List.of("one two", "  three"), Lines.wrap("one two three", 7, 2));
        assertEquals(List.of("abcd", "  ef", "  gh"), Lines.wrap("abcdefgh", 4, 2));
        assertEquals(List.of(""), Lines.wrap("", 4, 2));
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "999, 999", "1000, 1.0k", "1234, 1.2k", "999949, 999.9k", "999950, 1.0M", "1500000000, 1.5G"})
    void shouldShortenCounts(long count, String text) {
        assertEquals(text, Units.count(count));
    }

    @ParameterizedTest
    @CsvSource({"0, 0 B", "1023, 1023 B", "1024, 1.0 KiB", "1536, 1.5 KiB", "1073741824, 1.0 GiB"})
    void shouldShortenBytes(long bytes, String text) {
        assertEquals(text, Units.bytes(bytes));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0ms",
        "999, 999ms",
        "1000, 1s",
        "3500, 3.5s",
        "59999, 59s",
        "60000, 1m",
        "125000, 2m 5s",
        "3720000, 1h 2m",
        "273600000, 3d 4h",
        "-5000, -5s"
    })
    void shouldShortenDurations(long ms, String text) {
        assertEquals(text, Units.duration(ms));
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "0.52, 0.5", "9.94, 9.9", "12.4, 12", "1234, 1.2k"})
    void shouldShortenRates(double rate, String text) {
        assertEquals(text, Units.rate(rate));
    }
}
