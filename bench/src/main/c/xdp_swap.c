/* An AF_XDP loop that only swaps MAC addresses: what the port of the packet path is read against. One socket on queue 0
 * of an interface, copy mode, need-wakeup, 2048-entry rings, batches of 64; no library.
 *
 * usage: xdp_swap INTERFACE CPU        prints "ready", runs until it is killed
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SOL_XDP
#define SOL_XDP 283
#endif
#ifndef AF_XDP
#define AF_XDP 44
#endif

enum { ENTRIES = 2048, CHUNK = 2048, CHUNKS = 2 * ENTRIES, BATCH = 64 };

struct ring {
    uint32_t *producer, *consumer, *flags;
    void *descriptors;
    uint32_t cached;
};

static void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static int bpf(int command, union bpf_attr *attr) { return (int)syscall(SYS_bpf, command, attr, sizeof *attr); }

static struct bpf_insn insn(uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm) {
    struct bpf_insn i = {.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm};
    return i;
}

/* Every frame that the interface gets goes to the socket of its queue. */
static int load_program(int map) {
    struct bpf_insn code[] = {
        insn(BPF_LDX | BPF_MEM | BPF_W, 2, 1, 16, 0), /* r2 = context->rx_queue_index */
        insn(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map),
        insn(0, 0, 0, 0, 0),
        insn(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, XDP_PASS),
        insn(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
        insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    };
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.prog_type = BPF_PROG_TYPE_XDP;
    attr.insns = (uint64_t)(uintptr_t)code;
    attr.insn_cnt = sizeof code / sizeof *code;
    attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
    attr.expected_attach_type = BPF_XDP;
    return bpf(BPF_PROG_LOAD, &attr);
}

static struct ring map_ring(int fd, uint64_t page, const struct xdp_ring_offset *at, size_t bytes) {
    char *map = mmap(NULL, at->desc + bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)page);
    if (map == MAP_FAILED)
        die("mmap ring");
    struct ring ring = {(uint32_t *)(map + at->producer), (uint32_t *)(map + at->consumer), (uint32_t *)(map + at->flags),
        map + at->desc, 0};
    return ring;
}

static void fill_back(struct ring *fill, uint32_t fill_mask, uint64_t address) {
    ((uint64_t *)fill->descriptors)[fill->cached++ & fill_mask] = address & ~(uint64_t)(CHUNK - 1);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: xdp_swap INTERFACE CPU\n");
        return 2;
    }
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(atoi(argv[2]), &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);
    struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_MEMLOCK, &all);
    unsigned interface = if_nametoindex(argv[1]);
    if (interface == 0)
        die(argv[1]);

    int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket(AF_XDP)");
    char *umem = mmap(NULL, (size_t)CHUNKS * CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    struct xdp_umem_reg reg;
    memset(&reg, 0, sizeof reg);
    reg.addr = (uint64_t)(uintptr_t)umem;
    reg.len = (uint64_t)CHUNKS * CHUNK;
    reg.chunk_size = CHUNK;
    if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof reg) < 0)
        die("XDP_UMEM_REG");
    int entries = ENTRIES, twice = 2 * ENTRIES;
    if (setsockopt(fd, SOL_XDP, XDP_RX_RING, &entries, sizeof entries) < 0
        || setsockopt(fd, SOL_XDP, XDP_TX_RING, &entries, sizeof entries) < 0
        || setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &twice, sizeof twice) < 0
        || setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &twice, sizeof twice) < 0)
        die("rings");
    struct xdp_mmap_offsets offsets;
    socklen_t length = sizeof offsets;
    if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length) < 0)
        die("XDP_MMAP_OFFSETS");
    struct ring rx = map_ring(fd, XDP_PGOFF_RX_RING, &offsets.rx, ENTRIES * sizeof(struct xdp_desc));
    struct ring tx = map_ring(fd, XDP_PGOFF_TX_RING, &offsets.tx, ENTRIES * sizeof(struct xdp_desc));
    struct ring fill = map_ring(fd, XDP_UMEM_PGOFF_FILL_RING, &offsets.fr, 2 * ENTRIES * 8);
    struct ring done = map_ring(fd, XDP_UMEM_PGOFF_COMPLETION_RING, &offsets.cr, 2 * ENTRIES * 8);
    const uint32_t fill_mask = 2 * ENTRIES - 1, mask = ENTRIES - 1;
    for (int i = 0; i < CHUNKS; i++)
        fill_back(&fill, fill_mask, (uint64_t)i * CHUNK);
    __atomic_store_n(fill.producer, fill.cached, __ATOMIC_RELEASE);

    struct sockaddr_xdp address = {.sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY | XDP_USE_NEED_WAKEUP, .sxdp_ifindex = interface};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind(AF_XDP)");

    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.map_type = BPF_MAP_TYPE_XSKMAP;
    attr.key_size = 4;
    attr.value_size = 4;
    attr.max_entries = 1;
    int map = bpf(BPF_MAP_CREATE, &attr);
    if (map < 0)
        die("XSKMAP");
    uint32_t key = 0;
    memset(&attr, 0, sizeof attr);
    attr.map_fd = (uint32_t)map;
    attr.key = (uint64_t)(uintptr_t)&key;
    attr.value = (uint64_t)(uintptr_t)&fd;
    if (bpf(BPF_MAP_UPDATE_ELEM, &attr) < 0)
        die("XSKMAP entry");
    int program = load_program(map);
    if (program < 0)
        die("BPF_PROG_LOAD");
    memset(&attr, 0, sizeof attr);
    attr.link_create.prog_fd = (uint32_t)program;
    attr.link_create.target_ifindex = interface;
    attr.link_create.attach_type = BPF_XDP;
    attr.link_create.flags = 1u << 2; /* XDP_FLAGS_DRV_MODE */
    if (bpf(BPF_LINK_CREATE, &attr) < 0)
        die("BPF_LINK_CREATE");
    puts("ready");
    fflush(stdout);

    uint32_t received = 0, completed = 0;
    for (;;) {
        uint32_t ends = __atomic_load_n(done.producer, __ATOMIC_ACQUIRE);
        int filled = 0;
        while (completed != ends) {
            fill_back(&fill, fill_mask, ((uint64_t *)done.descriptors)[completed++ & fill_mask]);
            filled = 1;
        }
        if (filled)
            __atomic_store_n(done.consumer, completed, __ATOMIC_RELEASE);

        uint32_t ready = __atomic_load_n(rx.producer, __ATOMIC_ACQUIRE) - received;
        uint32_t count = ready < BATCH ? ready : BATCH;
        uint32_t room = ENTRIES - (tx.cached - __atomic_load_n(tx.consumer, __ATOMIC_ACQUIRE));
        for (uint32_t i = 0; i < count; i++) {
            struct xdp_desc frame = ((struct xdp_desc *)rx.descriptors)[received++ & mask];
            uint8_t *bytes = (uint8_t *)umem + frame.addr, swap[6];
            memcpy(swap, bytes, 6);
            memcpy(bytes, bytes + 6, 6);
            memcpy(bytes + 6, swap, 6);
            if (i < room) {
                frame.options = 0;
                ((struct xdp_desc *)tx.descriptors)[tx.cached++ & mask] = frame;
            } else {
                fill_back(&fill, fill_mask, frame.addr);
                filled = 1;
            }
        }
        if (filled)
            __atomic_store_n(fill.producer, fill.cached, __ATOMIC_RELEASE);
        if (count > 0) {
            __atomic_store_n(rx.consumer, received, __ATOMIC_RELEASE);
            __atomic_store_n(tx.producer, tx.cached, __ATOMIC_RELEASE);
            /* One call sends 32 frames at most. */
            for (int kicks = 0; kicks < 3 && (*tx.flags & XDP_RING_NEED_WAKEUP)
                 && __atomic_load_n(tx.consumer, __ATOMIC_ACQUIRE) != tx.cached; kicks++)
                sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
        } else if (*fill.flags & XDP_RING_NEED_WAKEUP) {
            recvfrom(fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
        }
    }
}
