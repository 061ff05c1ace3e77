package io.penstock.flowtable;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.LongBinaryOperator;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Shows S2-41: all five fields of a flow are hashed.
class FlowHashTest {
    private static final FlowHash ZERO = new FlowHash(0, 0);
    private static final FlowHash KEYED = new FlowHash(0x0123456789abcdefL, 0xfedcba9876543210L);
    private static final long ADDRESSES = 0xc6336407_cb00710aL; // 198.51.100.7 to 203.0.113.10
    private static final long PORTS = 0xc350_01bbL; // 50000 to 443
    private static final int TCP = 6;
    private static final int UDP = 17;

    /// Machines that share a key must choose alike, whatever their version: these values, computed by a second
    /// implementation, are part of the contract.
    @Test
    void shouldStayWhatItIs() {
        assertEquals(0x964daed4945a71cfL, ZERO.hash4(ADDRESSES, PORTS, TCP));
        assertEquals(0xd421a59644eb2e95L, KEYED.hash4(ADDRESSES, PORTS, TCP));
        assertEquals(0xf4f8aabc877a312fL, KEYED.hash6(1, 2, 3, 4, PORTS, UDP));
        assertEquals(0x16d56ec6214e4c74L, KEYED.client4(0xc6336407, 24));
    }

    @Test
    void shouldDependOnEachFieldOfAnIpv4Flow() {
        long hash = KEYED.hash4(ADDRESSES, PORTS, TCP);

        assertNotEquals(hash, KEYED.hash4(ADDRESSES ^ (1L << 32), PORTS, TCP), "source address");
        assertNotEquals(hash, KEYED.hash4(ADDRESSES ^ 1, PORTS, TCP), "destination address");
        assertNotEquals(hash, KEYED.hash4(ADDRESSES, PORTS ^ (1L << 16), TCP), "source port");
        assertNotEquals(hash, KEYED.hash4(ADDRESSES, PORTS ^ 1, TCP), "destination port");
        assertNotEquals(hash, KEYED.hash4(ADDRESSES, PORTS, UDP), "protocol");
        assertNotEquals(hash, KEYED.hash4(Long.rotateLeft(ADDRESSES, 32), PORTS, TCP), "direction");
    }

    @Test
    void shouldDependOnEachFieldOfAnIpv6Flow() {
        long hash = KEYED.hash6(1, 2, 3, 4, PORTS, TCP);

        assertNotEquals(hash, KEYED.hash6(0, 2, 3, 4, PORTS, TCP), "source high");
        assertNotEquals(hash, KEYED.hash6(1, 3, 3, 4, PORTS, TCP), "source low");
        assertNotEquals(hash, KEYED.hash6(1, 2, 2, 4, PORTS, TCP), "destination high");
        assertNotEquals(hash, KEYED.hash6(1, 2, 3, 5, PORTS, TCP), "destination low");
        assertNotEquals(hash, KEYED.hash6(1, 2, 3, 4, PORTS + 1, TCP), "ports");
        assertNotEquals(hash, KEYED.hash6(1, 2, 3, 4, PORTS, UDP), "protocol");
        assertNotEquals(hash, KEYED.hash6(3, 4, 1, 2, PORTS, TCP), "direction");
    }

    @Test
    void shouldTakeTheSamePortsFromASignedNumber() {
        int signed = (int) PORTS;
        assertEquals(KEYED.hash4(ADDRESSES, PORTS, TCP), KEYED.hash4(ADDRESSES, signed, TCP));
    }

    @Test
    void shouldGiveAnotherSpreadWithAnotherKey() {
        FlowHash[] hashes = {ZERO, KEYED, new FlowHash(1, 0), new FlowHash(0, 1), new FlowHash(1L << 63, 0)};
        int flows = 10_000;
        for (int a = 0; a < hashes.length; a++) {
            for (int b = 0; b < a; b++) {
                int same = 0;
                for (int i = 0; i < flows; i++) {
                    long addresses = ADDRESSES + ((long) i << 32);
                    same += FlowHash.range(hashes[a].hash4(addresses, PORTS, TCP), 100)
                                    == FlowHash.range(hashes[b].hash4(addresses, PORTS, TCP), 100)
                            ? 1
                            : 0;
                }
                assertEquals(flows / 100.0, same, 60, "flows on the same of 100 backends with keys " + a + ", " + b);
            }
        }
    }

    /// Two keys that differ in one bit differ in about half of the hash's bits, whichever bit it is.
    @Test
    void shouldAvalanche() {
        assertAvalanche("IPv4 addresses", 64, word -> KEYED.hash4(word, PORTS, TCP));
        assertAvalanche("ports", 32, word -> KEYED.hash4(ADDRESSES, word, TCP));
        assertAvalanche("source high", 64, word -> KEYED.hash6(word, 2, 3, 4, PORTS, TCP));
        assertAvalanche("source low", 64, word -> KEYED.hash6(1, word, 3, 4, PORTS, TCP));
        assertAvalanche("destination high", 64, word -> KEYED.hash6(1, 2, word, 4, PORTS, TCP));
        assertAvalanche("destination low", 64, word -> KEYED.hash6(1, 2, 3, word, PORTS, TCP));
        assertAvalanche("IPv4 client", 32, word -> KEYED.client4((int) word, 32));
        assertAvalanche("IPv6 client", 64, word -> KEYED.client6(1, word, 128));
        assertAvalanche("zero key", 64, word -> ZERO.hash4(word, PORTS, TCP));
    }

    private static void assertAvalanche(String what, int bits, LongUnaryOperator hash) {
        SplittableRandom random = new SplittableRandom(20);
        int samples = 4000;
        int[][] flips = new int[bits][64];
        for (int i = 0; i < samples; i++) {
            long word = random.nextLong();
            long before = hash.applyAsLong(word);
            for (int in = 0; in < bits; in++) {
                long changed = before ^ hash.applyAsLong(word ^ (1L << in));
                for (int out = 0; out < 64; out++) {
                    flips[in][out] += (int) ((changed >>> out) & 1);
                }
            }
        }
        for (int in = 0; in < bits; in++) {
            for (int out = 0; out < 64; out++) {
                // 0.5 with a standard deviation of 0.008 when it is fair; six of them for 4096 tries.
                double share = flips[in][out] / (double) samples;
                assertEquals(0.5, share, 0.05, what + ": bit " + in + " flips hash bit " + out);
            }
        }
    }

    /// Clients in a row, ports in a row, VIPs in a row: what a table's bucket (low bits) and a backend choice (high
    /// bits) get from them is as even as chance.
    @Test
    void shouldSpreadFlowsThatLookAlike() {
        assertEven("source addresses", (i, ignored) -> ZERO.hash4(ADDRESSES + (i << 32), PORTS, TCP));
        assertEven(
                "source ports",
                (i, ignored) -> ZERO.hash4(ADDRESSES + ((i >> 12) << 32), ((i & 4095) << 16) | 443, TCP));
        assertEven("destination ports", (i, ignored) -> ZERO.hash4(ADDRESSES + ((i >> 12) << 32), i & 4095, TCP));
        assertEven("IPv6 interface ids", (i, ignored) -> ZERO.hash6(0x20010db8_00000000L, i, 3, 4, PORTS, UDP));
        assertEven("IPv6 networks", (i, ignored) -> ZERO.hash6(0x20010db8_00000000L + (i << 16), 1, 3, 4, PORTS, UDP));
        assertEven("clients", (i, ignored) -> ZERO.client4((int) i << 8, 24));
        assertEven("fragments", (i, ignored) -> ZERO.fragment4(ADDRESSES, (int) i, UDP));
    }

    private static void assertEven(String what, LongBinaryOperator hash) {
        int cells = 1024;
        int flows = 200 * cells;
        int[] low = new int[cells];
        int[] high = new int[cells];
        for (long i = 0; i < flows; i++) {
            long value = hash.applyAsLong(i, 0);
            low[(int) value & (cells - 1)]++;
            high[FlowHash.range(value, cells)]++;
        }
        assertChiSquare(what + ", low bits", low, flows);
        assertChiSquare(what + ", high bits", high, flows);
    }

    private static void assertChiSquare(String what, int[] counts, int flows) {
        double expected = flows / (double) counts.length;
        double sum = Arrays.stream(counts)
                .mapToDouble(n -> (n - expected) * (n - expected) / expected)
                .sum();
        double freedom = counts.length - 1;
        // Standard deviation of chi-square: sqrt(2 * freedom).
        assertTrue(Math.abs(sum - freedom) < 6 * Math.sqrt(2 * freedom), what + ": chi-square " + sum);
    }

    @Test
    void shouldNotCollide() {
        int flows = 1 << 20;
        long[] hashes = new long[flows];
        for (int i = 0; i < flows; i++) {
            hashes[i] = KEYED.hash4(ADDRESSES + ((long) (i >> 10) << 32), ((long) (i & 1023) << 16) | 443, TCP);
        }
        assertEquals(flows, Arrays.stream(hashes).distinct().count(), "64-bit hashes");
        double pairs = flows / 2.0 * flows;
        assertEquals(pairs / (1L << 32), flows - distinctInts(hashes, 32), 60, "collisions of the high half");
        assertEquals(pairs / (1L << 32), flows - distinctInts(hashes, 0), 60, "collisions of the low half");
    }

    private static int distinctInts(long[] hashes, int shift) {
        return (int) Arrays.stream(hashes)
                .mapToInt(hash -> (int) (hash >>> shift))
                .distinct()
                .count();
    }

    /// A word's top bit changes one bit of its product, whatever the secret. No change of another word makes up for it.
    @Test
    void shouldNotLetOneWordCancelAnother() {
        SplittableRandom random = new SplittableRandom(21);
        for (int i = 0; i < 1000; i++) {
            FlowHash hash = new FlowHash(random.nextLong(), random.nextLong());
            long high = random.nextLong();
            long low = random.nextLong();
            long expected = hash.hash6(high, low, 3, 4, PORTS, TCP);
            long top = 1L << 63;
            for (long change : new long[] {top, top | (1L << 31), 1L << 31, top >>> 1, top | (top >>> 32)}) {
                assertNotEquals(expected, hash.hash6(high ^ top, low ^ change, 3, 4, PORTS, TCP));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 8, 24, 31, 32})
    void shouldHashAnIpv4ClientByItsPrefix(int prefix) {
        int client = 0xc6336407;
        int lastBit = 1 << (32 - prefix);
        long hash = KEYED.client4(client, prefix);

        assertEquals(hash, KEYED.client4(client ^ (lastBit - 1), prefix), "bits beyond the prefix");
        assertNotEquals(hash, KEYED.client4(client ^ lastBit, prefix), "last bit of the prefix");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 48, 63, 64, 65, 127, 128})
    void shouldHashAnIpv6ClientByItsPrefix(int prefix) {
        long high = 0x20010db8_00000001L;
        long low = 0x02005eff_fe00532aL;
        long hash = KEYED.client6(high, low, prefix);
        long lastHigh = prefix <= 64 ? 1L << (64 - prefix) : 0;
        long lastLow = prefix > 64 ? 1L << (128 - prefix) : 0;

        assertNotEquals(hash, KEYED.client6(high ^ lastHigh, low ^ lastLow, prefix), "last bit of the prefix");
        if (prefix < 64) {
            assertEquals(hash, KEYED.client6(high ^ (lastHigh >>> 1), ~low, prefix), "bits beyond the prefix");
        } else if (prefix < 128) {
            assertEquals(hash, KEYED.client6(high, low ^ 1, prefix), "bits beyond the prefix");
        }
    }

    @Test
    void shouldTakeAllClientsForOneWithoutAPrefix() {
        assertEquals(KEYED.client4(1, 0), KEYED.client4(-1, 0));
        assertEquals(KEYED.client6(1, 2, 0), KEYED.client6(-1, -2, 0));
    }

    @Test
    void shouldTellListenersApart() {
        long client = KEYED.client4(1, 32);
        assertNotEquals(KEYED.tagged(client, 1), KEYED.tagged(client, 2));
        assertNotEquals(client, KEYED.tagged(client, 0));
    }

    @Test
    void shouldReduceToTheWholeRange() {
        assertEquals(0, FlowHash.range(0, 7));
        assertEquals(6, FlowHash.range(-1, 7));
        assertEquals(3, FlowHash.range(1L << 63, 7));
        assertEquals(Integer.MAX_VALUE - 1, FlowHash.range(-1, Integer.MAX_VALUE));
        assertEquals(0, FlowHash.range(-1, 1));
    }

    @Test
    void shouldNotAllocate() {
        long[] sum = new long[1];
        Allocation.assertNone("hashing", () -> {
            for (int i = 0; i < 10_000; i++) {
                sum[0] += KEYED.hash4(i, PORTS, TCP)
                        ^ KEYED.hash6(i, 2, 3, 4, PORTS, UDP)
                        ^ KEYED.client4(i, 24)
                        ^ KEYED.client6(i, 2, 64)
                        ^ KEYED.tagged(i, 7);
            }
        });
        assertNotEquals(0, sum[0]);
    }
}
