package io.penstock.tuning;

import io.penstock.tuning.linux.NicDriver;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/// A NIC with a driver that does as it is told. Changing the number of queues spreads the hash buckets again, as
/// drivers do.
final class FakeNic implements NicDriver {
    final Map<Feature, State> features = new EnumMap<>(Feature.class);
    Channels channels = new Channels(0, 0, 4, 0, 8);
    Coalescing coalescing = new Coalescing(true, 100);
    Ring ring = new Ring(256, 4096);
    List<Integer> buckets = List.of(0, 1, 2, 3, 0, 1, 2, 3);
    boolean refuses;

    FakeNic() {
        features.put(Feature.LRO, new State(true, false));
        features.put(Feature.GRO, new State(true, false));
        features.put(Feature.GRO_HARDWARE, new State(false, true));
        features.put(Feature.RX_VLAN, new State(true, false));
    }

    @Override
    public String name(String nic) throws IOException {
        if (!nic.equals("eth1")) {
            throw new IOException(nic + ": there is no such interface");
        }
        return "fake";
    }

    @Override
    public State feature(String nic, Feature feature) {
        return features.getOrDefault(feature, new State(false, true));
    }

    @Override
    public void setFeature(String nic, Feature feature, boolean on) throws IOException {
        if (refuses) {
            throw new IOException("the driver keeps " + feature.commandName());
        }
        features.put(feature, new State(on, false));
    }

    @Override
    public Channels channels(String nic) {
        return channels;
    }

    @Override
    public void setChannels(String nic, Channels wanted) {
        channels = new Channels(wanted.rx(), wanted.tx(), wanted.combined(), channels.rxMax(), channels.combinedMax());
        List<Integer> spread = new ArrayList<>();
        for (int i = 0; i < buckets.size(); i++) {
            spread.add(i % wanted.combined());
        }
        buckets = spread;
    }

    @Override
    public Coalescing coalescing(String nic) {
        return coalescing;
    }

    @Override
    public void setCoalescing(String nic, Coalescing wanted) {
        coalescing = wanted;
    }

    @Override
    public Ring ring(String nic) {
        return ring;
    }

    @Override
    public void setRing(String nic, int entries) {
        ring = new Ring(entries, ring.entriesMax());
    }

    @Override
    public Steering steering(String nic) {
        return new Steering(buckets, true);
    }

    @Override
    public void setSteering(String nic, List<Integer> queues) throws IOException {
        if (queues.stream().anyMatch(queue -> queue >= channels.receiving())) {
            throw new IOException("the driver refuses the value");
        }
        buckets = List.copyOf(queues);
    }
}
