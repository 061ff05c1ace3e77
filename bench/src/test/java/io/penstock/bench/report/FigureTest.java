package io.penstock.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xml.sax.InputSource;

class FigureTest {
    @Test
    void shouldTakeTheMiddleOfItsRuns() {
        Figure odd = figure("a", 3.0, 1.0, 2.0);
        assertEquals(List.of(2.0, 1.0, 3.0, 3), List.of(odd.median(), odd.min(), odd.max(), odd.runs()));
        assertEquals(2.5, figure("a", 1.0, 2.0, 3.0, 4.0).median());
        assertThrows(IllegalArgumentException.class, () -> figure("a"));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "12.3456, 12.35",
        "0.00012345, 0.0001234",
        "123456, 123500",
        "-1.5, -1.5",
        "1e-12, 0.000000000001"
    })
    void shouldKeepFourDigits(double value, String text) {
        assertEquals(text, Report.number(value));
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "1000, 1k", "1024, 1024", "100000, 100k", "10000000, 10m"})
    void shouldWriteNumbersOfFlowsAsPeopleDo(long flows, String text) {
        assertEquals(text, Figure.flowsText(flows));
    }

    @Test
    void shouldDrawAPictureThatIsXml() throws Exception {
        String svg = SvgPlot.draw("a & b", "<conditions>", List.of(figure("penstock", 1.0, 2.0), figure("c", 0.0)));
        var document = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new InputSource(new java.io.StringReader(svg)));
        assertEquals("svg", document.getDocumentElement().getTagName());
        assertEquals(2, document.getElementsByTagName("line").getLength());
    }

    private static Figure figure(String subject, Double... values) {
        return new Figure("path", subject, "dr", "memory", "", 1_000, "ns/packet", List.of(values));
    }
}
