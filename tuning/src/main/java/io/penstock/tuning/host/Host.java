package io.penstock.tuning.host;

import io.penstock.tuning.linux.NicDriver;
import io.penstock.tuning.linux.NicDriver.Channels;
import io.penstock.tuning.linux.NicDriver.Coalescing;
import io.penstock.tuning.linux.NicDriver.Feature;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/// A host: its files, its NICs, and every setting that can be changed by a [Setting].
///
/// Knobs of NICs: the `ethtool -K` names of features (`on` or `off`), `queues` (`rx N tx N combined N`), `coalescing`
/// (`adaptive-rx on|off rx-usecs N`), `ring` (`N`), `steering` (a queue for each bucket: `0,1,0,1`).
///
/// @param files `/proc` and `/sys`
/// @param nics  what drivers know
public record Host(HostFiles files, NicDriver nics) {

    /// {@return the setting with the value that it has now}
    ///
    /// @throws IOException when it cannot be read
    public Setting read(Setting setting) throws IOException {
        if (setting.kind() == Setting.Kind.FILE) {
            String value = files.readChoice(setting.target());
            if (value == null) {
                throw new IOException(setting.target() + ": not readable");
            }
            return setting.with(value);
        }
        String nic = nic(setting);
        String knob = knob(setting);
        return setting.with(
                switch (knob) {
                    case "queues" -> {
                        Channels now = nics.channels(nic);
                        yield "rx %d tx %d combined %d".formatted(now.rx(), now.tx(), now.combined());
                    }
                    case "coalescing" -> {
                        Coalescing now = nics.coalescing(nic);
                        yield "adaptive-rx " + word(now.adaptive()) + " rx-usecs " + now.receiveUs();
                    }
                    case "ring" -> Integer.toString(nics.ring(nic).entries());
                    case "steering" -> text(nics.steering(nic).queues());
                    default -> word(nics.feature(nic, feature(knob)).on());
                });
    }

    /// Gives a setting its value.
    ///
    /// @throws IOException when the kernel or the driver refuses
    public void write(Setting setting) throws IOException {
        if (setting.kind() == Setting.Kind.FILE) {
            files.write(setting.target(), setting.value());
            return;
        }
        String nic = nic(setting);
        String knob = knob(setting);
        String[] words = setting.value().split(" ");
        switch (knob) {
            case "queues" ->
                nics.setChannels(nic, new Channels(number(words[1]), number(words[3]), number(words[5]), 0, 0));
            case "coalescing" -> nics.setCoalescing(nic, new Coalescing(words[1].equals("on"), number(words[3])));
            case "ring" -> nics.setRing(nic, number(setting.value()));
            case "steering" ->
                nics.setSteering(
                        nic,
                        Arrays.stream(setting.value().split(","))
                                .map(Integer::valueOf)
                                .toList());
            default -> nics.setFeature(nic, feature(knob), setting.value().equals("on"));
        }
    }

    /// {@return the value of `steering` for these queues}
    public static String text(List<Integer> queues) {
        return queues.stream().map(String::valueOf).collect(Collectors.joining(","));
    }

    private static String nic(Setting setting) {
        return setting.target().substring(0, setting.target().indexOf(' '));
    }

    private static String knob(Setting setting) {
        return setting.target().substring(setting.target().indexOf(' ') + 1);
    }

    private static Feature feature(String commandName) throws IOException {
        for (Feature feature : Feature.values()) {
            if (feature.commandName().equals(commandName)) {
                return feature;
            }
        }
        throw new IOException(commandName + ": not a setting that we know");
    }

    private static String word(boolean on) {
        return on ? "on" : "off";
    }

    private static int number(String text) {
        return Integer.parseInt(text);
    }
}
