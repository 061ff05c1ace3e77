/* The bare loop of `penstock bench path` in C: parse, hash, find, count, rewrite, in stages over batches of 64, on the
 * very flow table that the Java side filled and mapped. The layout and the hash are those of FlowLayout and FlowHash.
 *
 * usage: path TABLE FLOWS SEED KEY_HIGH KEY_LOW
 * Each line "run MS TICK" on standard input is answered with "NS_PER_PACKET FOUND PACKETS".
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FRAMES = 256, BATCH = 64, STRIDE = 320, HEADROOM = 128, LENGTH = 60, BACKENDS = 1024, ROUNDS_MAX = 1 << 18 };
enum { HEADER = 128, LINE = 64, ENTRY = 32 };

static const uint8_t TEMPLATE[LENGTH] = {
    0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0, /* Ethernet */
    0x45, 0, 0, 0x28, 0, 1, 0x40, 0, 0x40, 6, 0, 0, 10, 0, 0, 0, 192, 0, 2, 1, /* IPv4 */
    4, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0, /* TCP, ACK */
    0, 0, 0, 0, 0, 0};

struct parsed {
    uint8_t ok[BATCH];
    uint8_t protocol[BATCH];
    uint8_t flags[BATCH];
    uint8_t l3[BATCH];
    uint16_t length[BATCH];
    uint64_t addresses[BATCH];
    uint32_t ports[BATCH];
    uint64_t bucket[BATCH];
    uint64_t entry[BATCH];
};

static uint8_t *frames;
static uint8_t *table;
static uint64_t line_mask;
static uint64_t mask0, first0, second0, mask4, first4, second4, last;
static uint64_t macs[BACKENDS];
static struct parsed parsed;
static volatile uint64_t touched;
static uint64_t counted_bytes;

static uint16_t be16(const uint8_t *at) { uint16_t v; memcpy(&v, at, 2); return __builtin_bswap16(v); }
static uint32_t be32(const uint8_t *at) { uint32_t v; memcpy(&v, at, 4); return __builtin_bswap32(v); }
static uint64_t be64(const uint8_t *at) { uint64_t v; memcpy(&v, at, 8); return __builtin_bswap64(v); }
static void put16(uint8_t *at, uint16_t v) { v = __builtin_bswap16(v); memcpy(at, &v, 2); }
static void put32(uint8_t *at, uint32_t v) { v = __builtin_bswap32(v); memcpy(at, &v, 4); }
static uint64_t word(uint64_t at) { uint64_t v; memcpy(&v, table + at, 8); return v; }
static void put_word(uint64_t at, uint64_t v) { memcpy(table + at, &v, 8); }

static uint64_t scramble(uint64_t v) {
    v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
    v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
    return v ^ (v >> 31);
}

static void derive(uint64_t high, uint64_t low) {
    uint64_t secrets[16];
    for (int i = 0; i < 16; i++)
        secrets[i] = scramble(scramble(high ^ ((uint64_t)(i + 1) * 0x9e3779b97f4a7c15u)) ^ low);
    mask0 = secrets[0];
    mask4 = secrets[4];
    first0 = secrets[5] | 1;
    first4 = secrets[9] | 1;
    second0 = secrets[10] | 1;
    second4 = secrets[14] | 1;
    last = secrets[15] | 1;
}

static inline uint64_t lane(uint64_t w, uint64_t mask, uint64_t first, uint64_t second) {
    uint64_t product = (w ^ mask) * first;
    return (product ^ (product >> 32)) * second;
}

static inline uint64_t hash4(uint64_t addresses, uint32_t ports, uint8_t protocol) {
    uint64_t lanes = lane(addresses, mask0, first0, second0)
        ^ lane((uint64_t)ports | ((uint64_t)protocol << 32), mask4, first4, second4);
    uint64_t product = (lanes ^ (lanes >> 32)) * last;
    return product ^ (product >> 32);
}

static void stamp(int i, uint32_t flow) {
    uint8_t *frame = frames + (size_t)i * STRIDE + HEADROOM;
    memcpy(frame, TEMPLATE, LENGTH);
    put32(frame + 26, 0x0a000000u + flow);
    put16(frame + 34, (uint16_t)(1024 + ((flow * 40503u) & 0x7fff)));
    uint32_t sum = 0;
    for (int k = 14; k < 34; k += 2)
        sum += be16(frame + k);
    sum = (sum & 0xffff) + (sum >> 16);
    put16(frame + 24, (uint16_t)~((sum & 0xffff) + (sum >> 16)));
}

static inline int header_sum_ok(const uint8_t *ip) {
    uint64_t a = be64(ip), b = be64(ip + 8), c = be32(ip + 16);
    uint64_t sum = (a >> 32) + (a & 0xffffffff) + (b >> 32) + (b & 0xffffffff) + c;
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum == 0xffff || (uint16_t)(sum + (sum >> 16)) == 0xffff;
}

/* IPv4 without options or fragments, TCP or UDP, behind no tag: what the frames here are. Everything that the parser in
 * Java checks of such a packet is checked. */
static __attribute__((noinline)) void parse(int first) {
    for (int i = 0; i < BATCH; i++) {
        const uint8_t *frame = frames + (size_t)(first + i) * STRIDE + HEADROOM;
        parsed.ok[i] = 0;
        if (be16(frame + 12) != 0x0800)
            continue;
        const uint8_t *ip = frame + 14;
        uint64_t head = be64(ip);
        if ((head & 0xff00000000003fffu) != 0x4500000000000000u)
            continue;
        int length = (int)(head >> 32) & 0xffff;
        if (length < 20 || length > LENGTH - 14 || !header_sum_ok(ip))
            continue;
        uint8_t protocol = ip[9];
        const uint8_t *l4 = ip + 20;
        if (protocol == 6) {
            if (length < 40)
                continue;
            int header = (l4[12] >> 4) * 4;
            if (header < 20 || header > length - 20)
                continue;
            parsed.flags[i] = l4[13];
        } else if (protocol == 17) {
            int datagram = be16(l4 + 4);
            if (length < 28 || datagram < 8 || datagram > length - 20)
                continue;
            parsed.flags[i] = 0;
        } else {
            continue;
        }
        parsed.l3[i] = 14;
        parsed.protocol[i] = protocol;
        parsed.length[i] = (uint16_t)length;
        parsed.addresses[i] = be64(ip + 12);
        parsed.ports[i] = be32(l4);
        parsed.ok[i] = 1;
    }
}

static __attribute__((noinline)) void locate(void) {
    for (int i = 0; i < BATCH; i++) {
        if (!parsed.ok[i])
            continue;
        uint64_t hash = hash4(parsed.addresses[i], parsed.ports[i], parsed.protocol[i]);
        parsed.bucket[i] = ((hash << 6) & line_mask) + HEADER;
    }
}

/* Nothing but the loads, so that as many as possible are under way at once. */
static __attribute__((noinline)) void touch(void) {
    uint64_t sum = 0;
    for (int i = 0; i < BATCH; i++)
        sum += parsed.ok[i] ? word(parsed.bucket[i]) : 0;
    touched = sum;
}

static inline int is_entry(uint64_t at, uint64_t addresses, uint64_t key) {
    uint64_t meta = word(at);
    return word(at + 24) == addresses && ((meta ^ key) & 0xffffffff00000020u) == 0 && (meta & 0x1c) != 0;
}

static inline uint64_t key_of(int i) {
    return ((uint64_t)parsed.ports[i] << 32) | ((uint64_t)(parsed.protocol[i] >> 4) << 5);
}

static uint64_t find_further(uint64_t bucket, int reach, uint64_t addresses, uint64_t key) {
    for (int step = 1; step <= reach; step++) {
        uint64_t lines = ((uint64_t)step * (step + 1)) >> 1;
        uint64_t line = ((bucket - HEADER + (lines << 6)) & line_mask) + HEADER;
        if (is_entry(line, addresses, key))
            return line;
        if (is_entry(line + ENTRY, addresses, key))
            return line + ENTRY;
    }
    return 0;
}

static __attribute__((noinline)) void find(void) {
    int further[BATCH], count = 0;
    for (int i = 0; i < BATCH; i++) {
        parsed.entry[i] = 0;
        if (!parsed.ok[i])
            continue;
        uint64_t bucket = parsed.bucket[i];
        uint64_t key = key_of(i);
        if (is_entry(bucket, parsed.addresses[i], key))
            parsed.entry[i] = bucket;
        else if (is_entry(bucket + ENTRY, parsed.addresses[i], key))
            parsed.entry[i] = bucket + ENTRY;
        else if (word(bucket + 16) & 0xff)
            further[count++] = i;
    }
    uint64_t sum = 0;
    for (int n = 0; n < count; n++)
        sum += word(((parsed.bucket[further[n]] - HEADER + LINE) & line_mask) + HEADER);
    touched = sum;
    for (int n = 0; n < count; n++) {
        int i = further[n];
        uint64_t bucket = parsed.bucket[i];
        parsed.entry[i] = find_further(bucket, (int)(word(bucket + 16) & 0xff), parsed.addresses[i], key_of(i));
    }
}

static __attribute__((noinline)) int rewrite(int first, uint32_t tick) {
    int found = 0;
    for (int i = 0; i < BATCH; i++) {
        uint64_t entry = parsed.entry[i];
        if (entry == 0)
            continue;
        uint64_t packets = (word(entry + 8) + 1) & 0xffffffffffu;
        put_word(entry + 8, ((uint64_t)tick << 40) | packets);
        put_word(entry + 16, word(entry + 16) + ((uint64_t)parsed.length[i] << 16));
        counted_bytes += parsed.length[i];
        uint64_t mac = macs[(word(entry) >> 12) & (BACKENDS - 1)];
        uint8_t *frame = frames + (size_t)(first + i) * STRIDE + HEADROOM;
        put32(frame, (uint32_t)(mac >> 16));
        put16(frame + 4, (uint16_t)mac);
        put16(frame + 6, 0x0200);
        put32(frame + 8, 1);
        uint8_t *at = frame + parsed.l3[i] + 8;
        uint32_t w = be32(at);
        uint32_t sum = (w & 0xffff) + 0x0100; /* RFC 1624, for a TTL that is one less */
        put32(at, ((w & 0xffff0000u) - 0x01000000u) | ((sum + ((sum + 1) >> 16)) & 0xffff));
        found++;
    }
    return found;
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t times[ROUNDS_MAX];

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The mean without the slowest hundredth of the rounds, in which the host took the CPU away. */
static double ns_per_packet(size_t count) {
    qsort(times, count, sizeof *times, compare);
    size_t kept = count - count / 100;
    uint64_t sum = 0;
    for (size_t i = 0; i < kept; i++)
        sum += times[i];
    return (double)sum / (double)kept / FRAMES;
}

static uint64_t order;
static uint32_t next_flow(uint32_t flows) {
    order += 0x9e3779b97f4a7c15u;
    return (uint32_t)(((scramble(order) >> 32) * flows) >> 32);
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: path TABLE FLOWS SEED KEY_HIGH KEY_LOW\n");
        return 2;
    }
    int fd = open(argv[1], O_RDWR);
    struct stat stat;
    if (fd < 0 || fstat(fd, &stat) < 0) {
        perror(argv[1]);
        return 1;
    }
    table = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    frames = aligned_alloc(4096, ((size_t)FRAMES * STRIDE + 4095) / 4096 * 4096);
    if (table == MAP_FAILED || frames == NULL) {
        perror("memory");
        return 1;
    }
    uint64_t slots = word(16);
    line_mask = slots / 2 * LINE - 1;
    uint32_t flows = (uint32_t)strtoul(argv[2], NULL, 10);
    order = strtoull(argv[3], NULL, 10);
    derive(strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10));
    for (int row = 0; row < BACKENDS; row++)
        macs[row] = 0x020000010000u + (uint64_t)row;
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        unsigned ms, tick;
        if (sscanf(line, "run %u %u", &ms, &tick) != 2)
            continue;
        uint64_t spent = 0, found = 0;
        size_t count = 0;
        while (spent < (uint64_t)ms * 1000000u && count < ROUNDS_MAX) {
            for (int i = 0; i < FRAMES; i++)
                stamp(i, next_flow(flows));
            uint64_t start = now_ns();
            for (int first = 0; first < FRAMES; first += BATCH) {
                parse(first);
                locate();
                touch();
                find();
                found += (uint64_t)rewrite(first, tick);
            }
            uint64_t ns = now_ns() - start;
            times[count++] = ns;
            spent += ns < 1000000u ? ns : 1000000u;
        }
        printf("%.4f %" PRIu64 " %" PRIu64 "\n", ns_per_packet(count), found, (uint64_t)count * FRAMES);
        fflush(stdout);
    }
    return 0;
}
