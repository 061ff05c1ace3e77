package io.penstock.tuning;

import io.penstock.tuning.check.Inspection;
import io.penstock.tuning.host.Finding;
import io.penstock.tuning.host.Host;
import io.penstock.tuning.host.Setting;
import io.penstock.tuning.host.Target;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;

/// Changes a host to what the checks ask for, and back. Each change is on record before it is made.
public final class Tuner {
    /// The number of queues decides about the settings that follow: it is changed before all else is looked at.
    private static final String QUEUES = "nic.queues";

    private final Host host;
    private final Path recordFile;

    /// What became of one change.
    ///
    /// @param setting what was written
    /// @param before  the value until then; empty when it could not be read
    /// @param error   why it failed; empty when it did not
    /// @param remark  what else is to be said
    public record Outcome(Setting setting, String before, String error, String remark) {
        /// {@return whether the setting has its new value}
        public boolean done() {
            return error.isEmpty();
        }
    }

    /// @param recordFile holds what was, for [#undo()]
    public Tuner(Host host, Path recordFile) {
        this.host = host;
        this.recordFile = recordFile;
    }

    /// Makes the changes of all findings that have some.
    ///
    /// @param wanted which findings, by id
    /// @param dryRun whether to say only what would be done
    /// @throws IOException when the record cannot be written; then nothing was changed that is not on record
    public List<Outcome> apply(Target target, Predicate<String> wanted, boolean dryRun) throws IOException {
        TuneRecord record = TuneRecord.load(recordFile);
        List<Outcome> outcomes = new ArrayList<>();
        Set<String> tried = new HashSet<>();
        for (Predicate<String> round : List.<Predicate<String>>of(QUEUES::equals, id -> !id.equals(QUEUES))) {
            for (Finding finding : Inspection.look(host, target)) {
                if (!round.test(finding.id()) || !wanted.test(finding.id())) {
                    continue;
                }
                for (Setting setting : finding.changes()) {
                    if (tried.add(setting.kind() + setting.target())) {
                        outcomes.add(change(record, setting, dryRun));
                    }
                }
            }
        }
        return outcomes;
    }

    private Outcome change(TuneRecord record, Setting setting, boolean dryRun) throws IOException {
        String before = "";
        try {
            Setting now = host.read(setting);
            before = now.value();
            if (dryRun) {
                return new Outcome(setting, before, "", "");
            }
            record.add(now, setting.value());
            record.save(recordFile);
            host.write(setting);
            return new Outcome(setting, before, "", "");
        } catch (IOException e) {
            // What was not changed needs no undo, but an earlier change of the same setting does.
            if (!before.isEmpty() && !dryRun) {
                forgetUnlessChangedBefore(record, setting, before);
            }
            return new Outcome(setting, before, reason(e), "");
        }
    }

    private void forgetUnlessChangedBefore(TuneRecord record, Setting setting, String before) throws IOException {
        boolean first =
                record.changes().stream().anyMatch(change -> change.before().equals(setting.with(before)));
        if (first) {
            record.remove(setting);
            record.save(recordFile);
        }
    }

    /// Puts back what was before the first apply, the number of queues first, all else in reverse order. What fails
    /// stays on record.
    public List<Outcome> undo() throws IOException {
        TuneRecord record = TuneRecord.load(recordFile);
        List<TuneRecord.Change> changes = record.changes().reversed();
        List<TuneRecord.Change> ordered = new ArrayList<>();
        changes.stream().filter(Tuner::isQueues).forEach(ordered::add);
        changes.stream().filter(change -> !isQueues(change)).forEach(ordered::add);
        List<Outcome> outcomes = new ArrayList<>();
        for (TuneRecord.Change change : ordered) {
            Setting wanted = change.before();
            String now = "";
            try {
                now = host.read(wanted).value();
                host.write(wanted);
                record.remove(wanted);
                record.save(recordFile);
                String remark = now.equals(change.after()) ? "" : "somebody had changed it to " + now + " since";
                outcomes.add(new Outcome(wanted, now, "", remark));
            } catch (IOException e) {
                outcomes.add(new Outcome(wanted, now, reason(e), ""));
            }
        }
        return outcomes;
    }

    private static boolean isQueues(TuneRecord.Change change) {
        return change.before().kind() == Setting.Kind.NIC
                && change.before().target().endsWith(" queues");
    }

    private static String reason(IOException e) {
        if (e instanceof java.nio.file.AccessDeniedException) {
            return "permission denied";
        }
        String message = e.getMessage();
        return message == null ? e.getClass().getSimpleName() : message;
    }
}
