package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.BpfAssembler.Register.R0;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R1;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R2;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R7;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.penstock.forwarder.linux.BpfAssembler.Condition;
import io.penstock.forwarder.linux.BpfAssembler.Label;
import io.penstock.forwarder.linux.BpfAssembler.Operation;
import io.penstock.forwarder.linux.BpfAssembler.Size;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/// The bytes are those that llvm-objdump shows for the same instruction.
class BpfAssemblerTest {
    private final BpfAssembler assembler = new BpfAssembler();

    @Test
    void shouldWriteLoadsAndStores() {
        assembler.load(Size.WORD, R2, R1, 4); // r2 = *(u32 *)(r1 + 4)
        assembler.load(Size.HALF, R0, R7, 12); // r0 = *(u16 *)(r7 + 12)
        assembler.load(Size.BYTE, R0, R7, 0); // r0 = *(u8 *)(r7 + 0)
        assembler.load(Size.LONG, R0, R7, 8); // r0 = *(u64 *)(r7 + 8)
        assembler.store(Size.WORD, BpfAssembler.Register.R10, -4, R1); // *(u32 *)(r10 - 4) = r1
        assembler.store(Size.HALF, R1, 2, 0x1234); // *(u16 *)(r1 + 2) = 0x1234
        assembler.atomicAdd(R0, 8, R1); // lock *(u64 *)(r0 + 8) += r1

        assertBytes("6112040000000000 69700c0000000000 7170000000000000 7970080000000000"
                + " 631afcff00000000 6a01020034120000 db10080000000000");
    }

    @Test
    void shouldWriteArithmetic() {
        assembler.move(R7, R1); // r7 = r1
        assembler.move(R0, 2); // r0 = 2
        assembler.compute(Operation.ADD, R1, -1); // r1 += -1
        assembler.compute(Operation.ADD, R1, R2); // r1 += r2
        assembler.compute32(Operation.AND, R1, 15); // w1 &= 15
        assembler.compute(Operation.SHIFT_LEFT, R1, 2); // r1 <<= 2
        assembler.swap(R1, 16); // r1 = be16 r1
        assembler.loadLong(R1, 0x1122334455667788L); // r1 = 0x1122334455667788 ll

        assertBytes("bf17000000000000 b700000002000000 07010000ffffffff 0f21000000000000"
                + " 540100000f000000 6701000002000000 dc01000010000000 1801000088776655 0000000044332211");
    }

    @Test
    void shouldAimJumpsForwardAndBack() {
        Label top = new Label();
        Label end = new Label();
        assembler.bind(top);
        assembler.jumpIf(Condition.EQUAL, R0, 0, end); // if r0 == 0 goto +3
        assembler.jumpIf(Condition.ABOVE, R1, R2, end); // if r1 > r2 goto +2
        assembler.jumpIf32(Condition.NOT_EQUAL, R1, 8, top); // if w1 != 8 goto -3
        assembler.jump(top); // goto -4
        assembler.bind(end);
        assembler.call(BpfAssembler.MAP_LOOKUP); // call 1
        assembler.exit(); // exit

        assertBytes("1500030000000000 2d21020000000000 5601fdff08000000 0500fcff00000000"
                + " 8500000001000000 9500000000000000");
    }

    @Test
    void shouldRefuseAJumpToNowhere() {
        assembler.jump(new Label());

        assertThrows(IllegalStateException.class, () -> assembler.assemble(Arena.ofAuto()));
    }

    @Test
    void shouldRefuseALabelBoundTwice() {
        Label label = new Label();
        assembler.bind(label);

        assertThrows(IllegalStateException.class, () -> assembler.bind(label));
    }

    @Test
    void shouldRefuseAJumpThatIsTooFar() {
        Label label = new Label();
        assembler.jump(label);
        for (int i = 0; i < 40_000; i++) {
            assembler.exit();
        }

        assertThrows(IllegalStateException.class, () -> assembler.bind(label));
    }

    private void assertBytes(String expected) {
        byte[] bytes = assembler.assemble(Arena.ofAuto()).toArray(ValueLayout.JAVA_BYTE);
        assertEquals(expected.replace(" ", ""), HexFormat.of().formatHex(bytes));
    }
}
