package io.penstock.forwarder.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import org.junit.jupiter.api.Test;

class CpuAffinityTest {
    @Test
    void shouldPinTheCallingThreadOnly() throws Exception {
        BitSet all = CpuAffinity.available();
        int last = all.length() - 1;
        BitSet[] pinned = new BitSet[1];
        Thread thread = new Thread(() -> {
            CpuAffinity.pin(last);
            pinned[0] = CpuAffinity.available();
        });
        thread.start();
        thread.join();

        BitSet one = new BitSet();
        one.set(last);
        assertEquals(one, pinned[0]);
        assertEquals(all, CpuAffinity.available());
    }

    @Test
    void shouldSayWhichCpusThereAre() {
        LinuxException refused = assertThrows(LinuxException.class, () -> CpuAffinity.pin(8000));

        assertTrue(
                String.valueOf(refused.getMessage()).contains("this process may use " + CpuAffinity.available()),
                refused.getMessage());
    }
}
