package io.penstock.control.config;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AddressesTest {
    /// RFC 5952 §4: the forms that text takes.
    @ParameterizedTest
    @CsvSource({
        "10.0.0.1,                                10.0.0.1",
        "2001:db8::1,                             2001:db8::1",
        "2001:0DB8:0:0:0:0:0:1,                   2001:db8::1",
        "2001:db8:0:1:1:1:1:1,                    2001:db8:0:1:1:1:1:1",
        "2001:0:0:1:0:0:0:1,                      2001:0:0:1::1",
        "2001:db8:0:0:1:0:0:1,                    2001:db8::1:0:0:1",
        "::,                                      ::",
        "::1,                                     ::1",
        "1::,                                     1::",
        "64:ff9b::192.0.2.33,                     64:ff9b::c000:221",
        "1:2:3:4:5:6:7.8.9.10,                    1:2:3:4:5:6:708:90a",
        "fd00::11,                                fd00::11",
    })
    void shouldReadAddressesAndWriteTheirCanonicalForm(String text, String canonical) {
        InetAddress address = Addresses.parse(text);

        assertNotNull(address);
        assertEquals(canonical, Addresses.text(address));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "localhost",
                "example.com",
                "10.1",
                "167772161",
                "0x0a000001",
                "010.0.0.1",
                "10.0.0.01",
                "1.2.3",
                "1.2.3.4.5",
                "1.2.3.256",
                "1.2.3.",
                ".1.2.3",
                "1.2.3.4 ",
                "1..2.3",
                "-1.2.3.4",
                "+1.2.3.4",
                ":",
                ":::",
                "1:::2",
                "::1::2",
                "1:2:3:4:5:6:7",
                "1:2:3:4:5:6:7:8:9",
                "1:2:3:4:5:6:7:",
                ":1:2:3:4:5:6:7",
                "12345::",
                "g::",
                "fe80::1%eth0",
                "::ffff:1.2.3.4",
                "::ffff:102:304",
                "1.2.3.4::",
                "::1.2.3",
                "::1.2.3.4:5",
                "[::1]",
                "1:2:3:4:5:6:7:1.2.3.4",
                "1:2:3:4:5:6:7::8",
                "１.2.3.4"
            })
    void shouldRefuseWhatIsNoLiteral(String text) {
        assertNull(Addresses.parse(text));
    }

    @Test
    void shouldReadBackEveryAddress() {
        Random random = Seeds.random("AddressesTest");
        for (int round = 0; round < 100_000; round++) {
            byte[] bytes = new byte[random.nextBoolean() ? 4 : 16];
            random.nextBytes(bytes);
            for (int i = 0; i < bytes.length; i++) {
                if (random.nextInt(3) > 0) {
                    bytes[i] = 0;
                }
            }
            InetAddress address = Addresses.of(bytes);
            if (bytes.length == 16 && address instanceof Inet4Address) {
                continue; // IPv4-mapped.
            }
            InetAddress read = Addresses.parse(Addresses.text(address));
            assertNotNull(read, () -> Addresses.text(address));
            assertArrayEquals(bytes, read.getAddress());
        }
    }

    @ParameterizedTest
    @CsvSource({"02:00:00:00:00:01, 2199023255553", "ff:ff:ff:ff:ff:ff, 281474976710655", "00:00:00:00:00:00, 0"})
    void shouldReadAndWriteMacAddresses(String text, long mac) {
        assertEquals(mac, Addresses.parseMac(text));
        assertEquals(text, Addresses.macText(mac));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "02:00:00:00:00",
                "02:00:00:00:00:01:02",
                "2:0:0:0:0:1",
                "02-00-00-00-00-01",
                "0g:00:00:00:00:00"
            })
    void shouldRefuseOtherMacAddresses(String text) {
        assertEquals(-1, Addresses.parseMac(text));
    }
}
