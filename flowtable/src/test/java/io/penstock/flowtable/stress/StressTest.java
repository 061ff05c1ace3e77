package io.penstock.flowtable.stress;

import io.penstock.testing.Jcstress;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// The jcstress tests of this module.
@Tag("slow")
class StressTest {
    @Test
    void shouldSeeNoForbiddenOutcome() throws Exception {
        Jcstress.run(10, 240);
    }
}
