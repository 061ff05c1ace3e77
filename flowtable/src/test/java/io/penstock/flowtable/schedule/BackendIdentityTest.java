package io.penstock.flowtable.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.HexFormat;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BackendIdentityTest {
    // From the reference implementation's vectors for the key 00 01 .. 0f and the input 00 01 ..
    @ParameterizedTest(name = "{0} bytes")
    @CsvSource({"0, 726fdb47dd0e0e31", "4, cf2794e0277187b7", "8, 93f5f5799a932462", "15, a129ca6149be45e5"})
    void shouldBeSipHash(int length, String expected) {
        byte[] input = new byte[length];
        for (int i = 0; i < length; i++) {
            input[i] = (byte) i;
        }
        long identity = BackendIdentity.of(input, 0x0f0e0d0c0b0a0908L, 0x0706050403020100L);
        assertEquals(expected, HexFormat.of().toHexDigits(identity));
    }

    @Test
    void shouldTellAllAddressesOfANetworkApart() {
        Set<Long> identities = new HashSet<>();
        for (int host = 0; host < 1 << 16; host++) {
            identities.add(BackendIdentity.of(new byte[] {10, 0, (byte) (host >> 8), (byte) host}, 3, 4));
        }
        assertEquals(1 << 16, identities.size());
    }

    @Test
    void shouldTellAnIpv4AddressFromTheIpv6AddressThatBeginsLikeIt() {
        byte[] longer = new byte[16];
        longer[0] = 10;
        assertNotEquals(BackendIdentity.of(new byte[] {10, 0, 0, 0}, 1, 2), BackendIdentity.of(longer, 1, 2));
    }

    @Test
    void shouldDependOnBothHalvesOfTheKey() {
        byte[] address = {10, 0, 0, 1};
        long identity = BackendIdentity.of(address, 1, 2);
        assertNotEquals(identity, BackendIdentity.of(address, 3, 2));
        assertNotEquals(identity, BackendIdentity.of(address, 1, 3));
    }

    @Test
    void shouldMixEveryBit() {
        for (int bit = 0; bit < 64; bit++) {
            int changed = 0;
            for (long value = 1; value <= 1000; value++) {
                changed += Long.bitCount(BackendIdentity.mix(value) ^ BackendIdentity.mix(value ^ 1L << bit));
            }
            assertTrue(Math.abs(changed / 1000.0 - 32) < 1, "bit " + bit + " changes " + changed / 1000.0 + " bits");
        }
    }
}
