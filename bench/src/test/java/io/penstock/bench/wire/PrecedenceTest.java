package io.penstock.bench.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("root")
class PrecedenceTest {
    @Test
    void shouldPutAProgramBeforeOthersAndLeaveThisSessionAlone() throws IOException {
        Assumptions.assumeTrue("root".equals(System.getProperty("user.name")), "a negative nice value needs root");
        String ours = session(ProcessHandle.current().pid());
        Process program = new ProcessBuilder("setsid", "sleep", "20").start();
        try {
            while (!Program.run(List.of("ps", "-o", "comm=", "-p", String.valueOf(program.pid())))
                    .strip()
                    .equals("sleep")) {
                Pause.ms(10);
            }
            Precedence.give(program.pid(), name -> name.equals("sleep"));
            String nice = Program.run(List.of("ps", "-o", "ni=", "-p", String.valueOf(program.pid())))
                    .strip();
            String its = session(program.pid());
            assertTrue(its.endsWith("nice -20") || nice.equals("-20"), () -> its + ", nice " + nice);
        } finally {
            Program.end(program);
        }
        assertEquals(ours, session(ProcessHandle.current().pid()));
    }

    private static String session(long pid) throws IOException {
        Path file = Path.of("/proc/" + pid + "/autogroup");
        return Files.exists(file) ? Files.readString(file).strip() : "";
    }
}
