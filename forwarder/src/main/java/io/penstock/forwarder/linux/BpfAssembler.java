package io.penstock.forwarder.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/// Writes eBPF instructions (kernel: Documentation/bpf/standardization/instruction-set.rst), with labels for jumps.
///
/// ```
///  0        8       12      16              32                              64
///  +--------+-------+-------+----------------+--------------------------------+
///  | opcode |  dst  |  src  |     offset     |           immediate            |
///  +--------+-------+-------+----------------+--------------------------------+
/// ```
///
/// Immediates are sign-extended to 64 bits: compare 32-bit words with [#jumpIf32]. Values loaded from a frame are in
/// network order and are best compared as they are, with the constant turned by [#networkOrder16] or
/// [#networkOrder32]. Set-up only; one thread.
public final class BpfAssembler {
    /// A register. Helpers take R1 to R5, return in R0 and keep R6 to R9; R10 is the end of the 512-byte stack.
    public enum Register {
        /// Result of helpers and of the program.
        R0(0),
        /// First argument; the context at entry.
        R1(1),
        /// Second argument.
        R2(2),
        /// Third argument.
        R3(3),
        /// Fourth argument.
        R4(4),
        /// Fifth argument.
        R5(5),
        /// Kept across helpers.
        R6(6),
        /// Kept across helpers.
        R7(7),
        /// Kept across helpers.
        R8(8),
        /// Kept across helpers.
        R9(9),
        /// End of the stack; read-only.
        R10(10);

        private final int number;

        Register(int number) {
            this.number = number;
        }
    }

    /// Width of a load or store.
    public enum Size {
        /// 8 bits.
        BYTE(0x10),
        /// 16 bits.
        HALF(0x08),
        /// 32 bits.
        WORD(0x00),
        /// 64 bits.
        LONG(0x18);

        private final int bits;

        Size(int bits) {
            this.bits = bits;
        }
    }

    /// What a jump asks of destination and source; comparisons are unsigned.
    public enum Condition {
        /// Equal.
        EQUAL(0x10),
        /// Greater.
        ABOVE(0x20),
        /// Greater or equal.
        ABOVE_OR_EQUAL(0x30),
        /// Any bit of the source is set in the destination.
        ANY_BIT(0x40),
        /// Not equal.
        NOT_EQUAL(0x50),
        /// Less.
        BELOW(0xa0),
        /// Less or equal.
        BELOW_OR_EQUAL(0xb0);

        private final int bits;

        Condition(int bits) {
            this.bits = bits;
        }
    }

    /// Arithmetic of destination and source into the destination.
    public enum Operation {
        /// Sum.
        ADD(0x00),
        /// Difference.
        SUBTRACT(0x10),
        /// Product.
        MULTIPLY(0x20),
        /// Quotient, unsigned.
        DIVIDE(0x30),
        /// Bitwise or.
        OR(0x40),
        /// Bitwise and.
        AND(0x50),
        /// Left shift.
        SHIFT_LEFT(0x60),
        /// Right shift, zeros come in.
        SHIFT_RIGHT(0x70),
        /// Remainder, unsigned.
        MODULO(0x90),
        /// Bitwise exclusive or.
        XOR(0xa0),
        /// Copy.
        MOVE(0xb0);

        private final int bits;

        Operation(int bits) {
            this.bits = bits;
        }
    }

    /// A place in the program; bound once by [#bind], before or after the jumps to it.
    public static final class Label {
        private int position = -1;
        private int[] jumps = new int[0];
    }

    /// Helper `bpf_map_lookup_elem(map, key)`.
    public static final int MAP_LOOKUP = 1;
    /// Helper `bpf_map_update_elem(map, key, value, flags)`.
    public static final int MAP_UPDATE = 2;
    /// Helper `bpf_ktime_get_ns()`: nanoseconds of the monotonic clock.
    public static final int KTIME_GET_NS = 5;
    /// Helper `bpf_get_prandom_u32()`.
    public static final int RANDOM_U32 = 7;
    /// Helper `bpf_redirect(interfaceIndex, flags)`.
    public static final int REDIRECT = 23;
    /// Helper `bpf_skb_load_bytes(context, offset, to, length)`.
    public static final int SKB_LOAD_BYTES = 26;
    /// Helper `bpf_skb_pull_data(context, length)`.
    public static final int SKB_PULL_DATA = 39;
    /// Helper `bpf_xdp_adjust_head(context, bytes)`: moves the frame's start.
    public static final int XDP_ADJUST_HEAD = 44;
    /// Helper `bpf_xdp_adjust_tail(context, bytes)`: moves the frame's end.
    public static final int XDP_ADJUST_TAIL = 65;
    /// Helper `bpf_ktime_get_coarse_ns()`: CLOCK_MONOTONIC_COARSE, as of the last timer tick; Linux 5.11.
    public static final int TIME_COARSE_NS = 160;
    /// Helper `bpf_xdp_get_buff_len(context)`: the frame's length with all its fragments.
    public static final int XDP_FRAME_LENGTH = 188;
    /// Helper `bpf_redirect_map(map, key, flags)`.
    public static final int REDIRECT_MAP = 51;

    private static final int LOAD = 0x61; // BPF_LDX | BPF_MEM
    private static final int STORE_IMMEDIATE = 0x62; // BPF_ST | BPF_MEM
    private static final int STORE = 0x63; // BPF_STX | BPF_MEM
    private static final int ATOMIC_ADD_64 = 0xdb; // BPF_STX | BPF_ATOMIC | BPF_DW, immediate BPF_ADD = 0
    private static final int COMPARE_AND_EXCHANGE = 0xf1; // as the immediate of the above: BPF_CMPXCHG
    private static final int LOAD_IMMEDIATE_64 = 0x18; // BPF_LD | BPF_IMM | BPF_DW: two instructions wide
    private static final int PSEUDO_MAP_FD = 1; // as source of the above: the immediate is a map's descriptor
    private static final int ALU_64 = 0x07;
    private static final int ALU_32 = 0x04;
    private static final int FROM_REGISTER = 0x08; // BPF_X; else the immediate, BPF_K
    private static final int TO_BIG_ENDIAN = 0xdc; // BPF_ALU | BPF_END | BPF_TO_BE
    private static final int JUMP_64 = 0x05;
    private static final int JUMP_32 = 0x06;
    private static final int CALL = 0x85;
    private static final int EXIT = 0x95;

    private long[] code = new long[64];
    private int count;
    private int unbound;

    /// {@return the value as a little-endian load of two bytes in network order gives it}
    public static int networkOrder16(int value) {
        return ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN
                ? Short.toUnsignedInt(Short.reverseBytes((short) value))
                : value;
    }

    /// {@return the value as a little-endian load of four bytes in network order gives it}
    public static int networkOrder32(int value) {
        return ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN ? Integer.reverseBytes(value) : value;
    }

    /// {@return instructions so far, a 64-bit constant counted as two}
    public int count() {
        return count;
    }

    /// `to = *(size *)(from + offset)`, zero-extended.
    public BpfAssembler load(Size size, Register to, Register from, int offset) {
        return emit(LOAD | size.bits, to, from, offset, 0);
    }

    /// `*(size *)(to + offset) = from`.
    public BpfAssembler store(Size size, Register to, int offset, Register from) {
        return emit(STORE | size.bits, to, from, offset, 0);
    }

    /// `*(size *)(to + offset) = value`.
    public BpfAssembler store(Size size, Register to, int offset, int value) {
        return emit(STORE_IMMEDIATE | size.bits, to, Register.R0, offset, value);
    }

    /// `*(u64 *)(to + offset) += from`, atomically.
    public BpfAssembler atomicAdd(Register to, int offset, Register from) {
        return emit(ATOMIC_ADD_64, to, from, offset, 0);
    }

    /// If `*(u64 *)(to + offset)` is R0, it becomes `from`; R0 becomes what it was. Atomic; Linux 5.12.
    public BpfAssembler compareAndExchange(Register to, int offset, Register from) {
        return emit(ATOMIC_ADD_64, to, from, offset, COMPARE_AND_EXCHANGE);
    }

    /// `to = from`.
    public BpfAssembler move(Register to, Register from) {
        return compute(Operation.MOVE, to, from);
    }

    /// `to = value`, sign-extended.
    public BpfAssembler move(Register to, int value) {
        return compute(Operation.MOVE, to, value);
    }

    /// 64-bit arithmetic with a register.
    public BpfAssembler compute(Operation operation, Register to, Register from) {
        return emit(ALU_64 | FROM_REGISTER | operation.bits, to, from, 0, 0);
    }

    /// 64-bit arithmetic with a sign-extended constant.
    public BpfAssembler compute(Operation operation, Register to, int value) {
        return emit(ALU_64 | operation.bits, to, Register.R0, 0, value);
    }

    /// 32-bit arithmetic with a register; clears the upper half.
    public BpfAssembler compute32(Operation operation, Register to, Register from) {
        return emit(ALU_32 | FROM_REGISTER | operation.bits, to, from, 0, 0);
    }

    /// 32-bit arithmetic with a constant; clears the upper half.
    public BpfAssembler compute32(Operation operation, Register to, int value) {
        return emit(ALU_32 | operation.bits, to, Register.R0, 0, value);
    }

    /// Turns the low bits between host and network order and clears the rest.
    ///
    /// @param bits 16, 32 or 64
    public BpfAssembler swap(Register register, int bits) {
        assert bits == 16 || bits == 32 || bits == 64 : "bits=" + bits;
        return emit(TO_BIG_ENDIAN, register, Register.R0, 0, bits);
    }

    /// `to = value`, all 64 bits.
    public BpfAssembler loadLong(Register to, long value) {
        emit(LOAD_IMMEDIATE_64, to, Register.R0, 0, (int) value);
        return append(value & 0xffffffff00000000L);
    }

    /// `to = map`, as helpers want it. The map must stay open until the program is loaded.
    public BpfAssembler loadMap(Register to, BpfMap map) {
        append(instruction(LOAD_IMMEDIATE_64, to.number, PSEUDO_MAP_FD, 0, map.descriptor()));
        return append(0);
    }

    /// Jumps always.
    public BpfAssembler jump(Label target) {
        return emitJump(JUMP_64, Register.R0, Register.R0, 0, target);
    }

    /// Jumps when the condition holds for all 64 bits.
    public BpfAssembler jumpIf(Condition condition, Register left, Register right, Label target) {
        return emitJump(JUMP_64 | FROM_REGISTER | condition.bits, left, right, 0, target);
    }

    /// Jumps when the condition holds for all 64 bits; the constant is sign-extended.
    public BpfAssembler jumpIf(Condition condition, Register left, int right, Label target) {
        return emitJump(JUMP_64 | condition.bits, left, Register.R0, right, target);
    }

    /// Jumps when the condition holds for the low 32 bits.
    public BpfAssembler jumpIf32(Condition condition, Register left, int right, Label target) {
        return emitJump(JUMP_32 | condition.bits, left, Register.R0, right, target);
    }

    /// Jumps when the condition holds for the low 32 bits.
    public BpfAssembler jumpIf32(Condition condition, Register left, Register right, Label target) {
        return emitJump(JUMP_32 | FROM_REGISTER | condition.bits, left, right, 0, target);
    }

    /// Calls a helper of the kernel by its number.
    public BpfAssembler call(int helper) {
        return emit(CALL, Register.R0, Register.R0, 0, helper);
    }

    /// Ends the program with R0 as its result.
    public BpfAssembler exit() {
        return emit(EXIT, Register.R0, Register.R0, 0, 0);
    }

    /// The label is here.
    public BpfAssembler bind(Label label) {
        if (label.position >= 0) {
            throw new IllegalStateException("label bound twice, at " + label.position + " and " + count);
        }
        label.position = count;
        for (int jump : label.jumps) {
            aim(jump, count);
        }
        unbound -= label.jumps.length;
        return this;
    }

    /// {@return the program, 8 bytes an instruction}
    MemorySegment assemble(Arena arena) {
        if (unbound != 0) {
            throw new IllegalStateException(unbound + " jumps to labels that were never bound");
        }
        MemorySegment bytes = arena.allocate(8L * count, 8);
        MemorySegment.copy(code, 0, bytes, ValueLayout.JAVA_LONG, 0, count);
        return bytes;
    }

    private BpfAssembler emitJump(int opcode, Register left, Register right, int value, Label target) {
        int at = count;
        append(instruction(opcode, left.number, right.number, 0, value));
        if (target.position >= 0) {
            aim(at, target.position);
        } else {
            target.jumps = Arrays.copyOf(target.jumps, target.jumps.length + 1);
            target.jumps[target.jumps.length - 1] = at;
            unbound++;
        }
        return this;
    }

    private void aim(int jump, int position) {
        int distance = position - jump - 1; // counted from the instruction after the jump
        if (distance != (short) distance) {
            throw new IllegalStateException("jump over " + distance + " instructions (at most 32767)");
        }
        code[jump] = (code[jump] & ~0xffff0000L) | (distance & 0xffffL) << 16;
    }

    private BpfAssembler emit(int opcode, Register to, Register from, int offset, int value) {
        assert offset == (short) offset : "offset=" + offset;
        return append(instruction(opcode, to.number, from.number, offset, value));
    }

    private BpfAssembler append(long instruction) {
        if (count == code.length) {
            code = Arrays.copyOf(code, 2 * count);
        }
        code[count++] = instruction;
        return this;
    }

    private static long instruction(int opcode, int to, int from, int offset, int value) {
        return opcode | (long) to << 8 | (long) from << 12 | (offset & 0xffffL) << 16 | (long) value << 32;
    }
}
