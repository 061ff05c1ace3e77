package io.penstock.forwarder.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.penstock.control.config.Addresses;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.config.Protocol;
import io.penstock.control.status.StatusReader;
import io.penstock.control.status.StatusReader.RowOwner;
import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.packet.IpProtocol;
import io.penstock.flowtable.packet.PacketKind;
import io.penstock.forwarder.path.Disposition;
import io.penstock.forwarder.path.ReplyKind;
import io.penstock.forwarder.trace.TracedFrame;
import java.io.IOException;
import java.io.StringWriter;
import java.net.InetAddress;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/// A traced frame in words: who, to whom, what became of it. The verdict is in the words of `replay`.
final class TraceLine {
    private static final JsonFactory FACTORY = new JsonFactory();
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss.SSSSSS", Locale.ROOT);
    private static final String[] TCP_FLAGS = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    private static final int ICMP_TYPE_SHIFT = 8;

    private final TracedFrame frame;
    private final @Nullable RowOwner backend;
    private final @Nullable String listener;

    /// @param status    names the backend
    /// @param listeners names the listener of what went to none
    TraceLine(TracedFrame frame, StatusReader status, List<ListenerConfig> listeners) {
        this.frame = frame;
        backend = frame.outcome() == WorkerCounter.FORWARDED.id() ? status.owner(frame.detail()) : null;
        listener = backend != null ? backend.listener() : listenerOf(frame, listeners);
    }

    private static @Nullable String listenerOf(TracedFrame frame, List<ListenerConfig> listeners) {
        if (frame.destination() == null || frame.kind() > PacketKind.FRAGMENT6 || frame.ports() == 0) {
            return null;
        }
        InetAddress vip = frame.destination().address();
        Protocol protocol = frame.protocol() == IpProtocol.TCP ? Protocol.TCP : Protocol.UDP;
        return listeners.stream()
                .filter(each -> each.protocol() == protocol)
                .filter(each -> each.vips().contains(vip))
                .filter(each -> each.ports().contains(frame.ports() & 0xffff))
                .map(ListenerConfig::name)
                .findFirst()
                .orElse(null);
    }

    /// {@return the counter that says why it was dropped, or null}
    @Nullable
    WorkerCounter dropReason() {
        if (frame.outcome() == Disposition.HELD) {
            return null;
        }
        WorkerCounter counter = WorkerCounter.of(frame.outcome());
        return counter.kind() == WorkerCounter.Kind.DROP ? counter : null;
    }

    /// {@return `forward LISTENER BACKEND`, `drop REASON`, `reply KIND`, `pass`, or `hold` for a fragment that
    /// waits for the first of its datagram}
    String verdict() {
        WorkerCounter reason = dropReason();
        if (reason != null) {
            return "drop " + reason.label();
        }
        if (frame.outcome() == Disposition.HELD) {
            return "hold";
        }
        return switch (WorkerCounter.of(frame.outcome())) {
            case FORWARDED -> backend == null ? "forward" : "forward " + backend.listener() + " " + backend.id();
            case REPLIED -> "reply " + ReplyKind.of(frame.detail()).text();
            default -> "pass";
        };
    }

    /// {@return the verdict with what helps people: the backend's address, the listener of a dropped packet}
    String comment() {
        if (backend != null) {
            return verdict() + " (" + Addresses.text(backend.address()) + ")";
        }
        return verdict() + (listener == null ? "" : " (listener " + listener + ")");
    }

    /// {@return a line}
    String text() {
        Instant time = Instant.ofEpochSecond(frame.wallNs() / 1_000_000_000L, frame.wallNs() % 1_000_000_000L);
        return TIME.format(time.atZone(ZoneId.systemDefault())) + " " + packet() + ", " + frame.length() + " bytes: "
                + comment();
    }

    private String packet() {
        StringJoiner words = new StringJoiner(" ");
        words.add(protocol());
        if (frame.source() != null && frame.destination() != null) {
            words.add(endpoint(frame.source().address(), frame.ports() >>> 16))
                    .add(">")
                    .add(endpoint(frame.destination().address(), frame.ports() & 0xffff));
        }
        if (isIcmp()) {
            words.add("type " + (frame.ports() >>> ICMP_TYPE_SHIFT) + " code " + (frame.ports() & 0xff));
        }
        if (frame.tcpFlags() != 0) {
            words.add(flags());
        }
        return words.toString();
    }

    private boolean isIcmp() {
        return frame.kind() == PacketKind.ICMP4 || frame.kind() == PacketKind.ICMP6;
    }

    private boolean hasPorts() {
        return frame.kind() <= PacketKind.FRAGMENT6 && frame.ports() != 0;
    }

    private String endpoint(InetAddress address, int port) {
        return hasPorts() ? Endpoints.text(address, port) : Addresses.text(address);
    }

    private String protocol() {
        return switch (frame.kind()) {
            case PacketKind.ARP -> "arp";
            case PacketKind.NOT_IP -> "not_ip";
            case PacketKind.MALFORMED -> "malformed";
            case PacketKind.FRAGMENT4, PacketKind.FRAGMENT6 -> name() + " fragment";
            default -> name();
        };
    }

    private String name() {
        return switch (frame.protocol()) {
            case IpProtocol.TCP -> "tcp";
            case IpProtocol.UDP -> "udp";
            case IpProtocol.ICMP -> "icmp";
            case IpProtocol.ICMPV6 -> "icmp6";
            default -> "ip protocol " + frame.protocol();
        };
    }

    private String flags() {
        StringJoiner names = new StringJoiner("+");
        for (int bit = 0; bit < TCP_FLAGS.length; bit++) {
            if ((frame.tcpFlags() >>> bit & 1) != 0) {
                names.add(TCP_FLAGS[bit]);
            }
        }
        return names.toString();
    }

    /// {@return an object of JSON}
    String json() {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = FACTORY.createGenerator(text)) {
            json.writeStartObject();
            json.writeNumberField("time_s", Math.floorDiv(frame.wallNs(), 1_000L) / 1e6);
            json.writeStringField("protocol", protocol());
            if (frame.source() != null && frame.destination() != null) {
                json.writeStringField("client", Addresses.text(frame.source().address()));
                json.writeStringField("vip", Addresses.text(frame.destination().address()));
            }
            if (hasPorts()) {
                json.writeNumberField("client_port", frame.ports() >>> 16);
                json.writeNumberField("port", frame.ports() & 0xffff);
            }
            if (frame.tcpFlags() != 0) {
                json.writeStringField("tcp_flags", flags());
            }
            json.writeNumberField("bytes", frame.length());
            json.writeStringField("verdict", verdict().split(" ")[0]);
            WorkerCounter reason = dropReason();
            if (reason != null) {
                json.writeStringField("reason", reason.label());
            } else if (frame.outcome() == WorkerCounter.REPLIED.id()) {
                json.writeStringField("reply", ReplyKind.of(frame.detail()).text());
            }
            json.writeStringField("listener", listener);
            json.writeStringField("backend", backend == null ? null : backend.id());
            json.writeEndObject();
        } catch (IOException impossible) {
            throw new AssertionError("memory does not fail", impossible);
        }
        return text.toString();
    }
}
