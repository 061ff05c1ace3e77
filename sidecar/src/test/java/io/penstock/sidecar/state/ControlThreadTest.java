package io.penstock.sidecar.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ControlThreadTest {
    @Test
    void shouldTellWhoeverAskedThatMemoryRanOutAndGoOn() throws Exception {
        try (ControlThread control = new ControlThread()) {
            CompletableFuture<String> asked = control.ask(() -> {
                throw new OutOfMemoryError("as if");
            });

            ExecutionException failure = assertThrows(ExecutionException.class, () -> asked.get(10, TimeUnit.SECONDS));

            assertInstanceOf(OutOfMemoryError.class, failure.getCause());
            assertEquals("next", control.ask(() -> "next").get(10, TimeUnit.SECONDS));
        }
    }
}
