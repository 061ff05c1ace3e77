package io.penstock.forwarder.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.net.InetAddress;
import java.util.HexFormat;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The kernel's verdict on one frame after another by the program behind the tap, on the frames of [XdpFilterTest].
@Tag("root")
class TcxVerdictTest {
    private VipClassifier classifier;
    private BpfProgram program;

    @BeforeEach
    void load() throws Exception {
        NetworkNamespaces.assumeRoot();
        classifier = new VipClassifier();
        classifier.update(
                Set.of(InetAddress.getByName("192.0.2.1"), InetAddress.getByName("2001:db8::1")),
                Set.of(InetAddress.getByName("10.0.0.1"), InetAddress.getByName("fd00::1")));
        program = TcxFilter.load(classifier);
    }

    @AfterEach
    void close() {
        if (program != null) {
            program.close();
            classifier.close();
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("io.penstock.forwarder.linux.XdpFilterTest#frames")
    void shouldDropOursAndLeaveTheRest(String what, String frame, int xdpVerdict) {
        byte[] bytes = HexFormat.of().parseHex(frame);
        if (what.startsWith("half an IP") || what.equals("half a header")) {
            // Such a frame the kernel does not even try a TC program on.
            assertThrows(LinuxException.class, () -> program.run(bytes));
            return;
        }

        BpfProgram.Outcome outcome = program.run(bytes);

        int wanted = xdpVerdict == BpfProgram.XDP_PASS ? BpfProgram.TC_NEXT : BpfProgram.TC_SHOT;
        assertEquals(wanted, outcome.verdict(), () -> what + ": " + frame);
        assertArrayEquals(bytes, outcome.frame(), "the frame is as it was");
    }
}
