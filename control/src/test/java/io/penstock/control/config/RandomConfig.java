package io.penstock.control.config;

import io.penstock.control.runtime.HashKey;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// Makes configurations that obey every rule, for round trips.
public final class RandomConfig {
    private final Random random;
    private int addresses;

    /// @param random where the choices come from
    public RandomConfig(Random random) {
        this.random = random;
    }

    /// {@return a configuration with some listeners}
    public PenstockConfig config(int listenerCount) {
        List<ListenerConfig> listeners = new ArrayList<>();
        for (int i = 0; i < listenerCount; i++) {
            listeners.add(listener("listener-" + i, 1 + random.nextInt(5)));
        }
        boolean open = random.nextBoolean();
        return new PenstockConfig(
                word(),
                100 + random.nextInt(900),
                forwarder(),
                new SidecarConfig(
                        random.nextInt(4) == 0 ? null : new InetSocketAddress(open ? next() : of(127, 0, 0, 1), 9650),
                        open ? "/etc/penstock/token " + word() : null),
                replay(),
                listeners);
    }

    private ForwarderConfig forwarder() {
        List<InetAddress> sources = new ArrayList<>();
        if (random.nextBoolean()) {
            sources.add(next4());
        }
        if (random.nextBoolean()) {
            sources.add(next6());
        }
        return new ForwarderConfig(
                random.nextBoolean() ? "eth" + random.nextInt(9) : null,
                any(PortMode.values()),
                any(PacketRing.values()),
                any(TransportKind.values()),
                random.nextBoolean() ? List.of(0) : List.of(7, 3, 4, 5),
                any(IdleMode.values()),
                8 + random.nextInt(505),
                1 + random.nextInt(1 << 28),
                sources,
                random.nextBoolean(),
                any(HugePages.values()),
                random.nextBoolean(),
                random.nextBoolean() ? null : new HashKey(random.nextLong(), random.nextLong()));
    }

    private ReplayConfig replay() {
        Map<InetAddress, Long> neighbours = new LinkedHashMap<>();
        for (int i = random.nextInt(4); i > 0; i--) {
            neighbours.put(next(), random.nextLong() & 0xffff_ffff_ffffL);
        }
        return new ReplayConfig(
                random.nextLong() & 0xffff_ffff_ffffL,
                random.nextLong() & 0xffff_ffff_ffffL,
                next4(),
                next6(),
                68 + random.nextInt(9000),
                neighbours);
    }

    /// {@return a listener with that many backends}
    public ListenerConfig listener(String name, int backendCount) {
        List<InetAddress> vips = new ArrayList<>();
        for (int i = random.nextInt(3); i >= 0; i--) {
            vips.add(next());
        }
        boolean has4 = vips.stream().anyMatch(vip -> !Addresses.isIpv6(vip));
        boolean has6 = vips.stream().anyMatch(Addresses::isIpv6);
        List<BackendConfig> backends = new ArrayList<>();
        for (int i = 0; i < backendCount; i++) {
            backends.add(new BackendConfig(
                    "b" + i,
                    next(),
                    random.nextInt(65_536),
                    random.nextBoolean() ? null : any(Forwarding.values()),
                    random.nextBoolean() ? 0 : random.nextInt(1_000_000)));
        }
        Map<String, String> tags = new LinkedHashMap<>();
        for (int i = random.nextInt(3); i > 0; i--) {
            tags.put(word() + " =:#" + i, " \t" + word() + "\\ \u00e9\u2028\n" + word() + " ");
        }
        return new ListenerConfig(
                name,
                vips,
                any(Protocol.values()),
                PortSet.parse(any(new String[] {"80", "80,443", "9000-9009", "1,5-9,100-65535", "all"})),
                any(SchedulerKind.values()),
                random.nextBoolean() ? 0 : 60_000 + random.nextInt(3_540_001),
                has4 ? 1 + random.nextInt(32) : 32,
                has6 ? 1 + random.nextInt(128) : 128,
                1_000 + random.nextInt(86_399_001),
                any(Midstream.values()),
                any(Forwarding.values()),
                any(OnBackendDown.values()),
                any(OnBackendRemoved.values()),
                random.nextInt(604_800_001),
                random.nextInt(1_200_001),
                random.nextInt(1_000_000_001),
                random.nextBoolean() ? -random.nextInt(2) : 64 + random.nextInt(9000),
                random.nextBoolean(),
                tags,
                backends,
                health());
    }

    private HealthConfig health() {
        List<HealthConfig.CodeRange> expect = new ArrayList<>();
        for (int i = random.nextInt(5); i >= 0; i--) {
            int first = 100 + random.nextInt(500);
            expect.add(new HealthConfig.CodeRange(first, first + random.nextInt(600 - first)));
        }
        return new HealthConfig(
                any(HealthKind.values()),
                1 + random.nextInt(65_535),
                100 + random.nextInt(299_901),
                10 + random.nextInt(299_991),
                1 + random.nextInt(100),
                1 + random.nextInt(100),
                "/" + word(),
                random.nextBoolean() ? null : word() + ".example:80",
                expect,
                random.nextBoolean() ? "" : "0x00ff",
                random.nextBoolean() ? null : " text with blanks ",
                "/opt/" + word(),
                any(HealthTarget.values()),
                random.nextBoolean());
    }

    private InetAddress next() {
        return random.nextBoolean() ? next4() : next6();
    }

    private InetAddress next4() {
        int n = ++addresses;
        return of(10, n >> 16, n >> 8, n);
    }

    private InetAddress next6() {
        int n = ++addresses;
        byte[] bytes = new byte[16];
        bytes[0] = (byte) 0xfd;
        bytes[random.nextInt(12) + 1] = 1;
        bytes[14] = (byte) (n >> 8);
        bytes[15] = (byte) n;
        bytes[13] = (byte) (n >> 16);
        return Addresses.of(bytes);
    }

    private static InetAddress of(int a, int b, int c, int d) {
        return Addresses.of(new byte[] {(byte) a, (byte) b, (byte) c, (byte) d});
    }

    private String word() {
        StringBuilder word = new StringBuilder();
        for (int i = random.nextInt(12); i >= 0; i--) {
            word.append("abcXYZ019-_".charAt(random.nextInt(11)));
        }
        return word.toString();
    }

    private <E extends @Nullable Object> E any(E[] choices) {
        return choices[random.nextInt(choices.length)];
    }
}
