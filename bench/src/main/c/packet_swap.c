/* An AF_PACKET loop that only swaps MAC addresses: a mapped receive ring (TPACKET_V2), frames sent by sendmmsg straight
 * out of its slots, batches of 64, no queueing discipline. The host's stack sees every frame too, as it does for any
 * packet socket; addresses are such that it drops them.
 *
 * usage: packet_swap INTERFACE CPU        prints "ready", runs until it is killed
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLOT = 2048, BLOCK = 64 << 10, RING = 16 << 20, SLOTS = RING / SLOT, BATCH = 64 };

static void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static void option(int fd, int name, const void *value, socklen_t length, const char *what) {
    if (setsockopt(fd, SOL_PACKET, name, value, length) < 0)
        die(what);
}

static void bind_to(int fd, unsigned interface, int protocol) {
    struct sockaddr_ll address;
    memset(&address, 0, sizeof address);
    address.sll_family = AF_PACKET;
    address.sll_ifindex = (int)interface;
    address.sll_protocol = htons((uint16_t)protocol);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind");
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: packet_swap INTERFACE CPU\n");
        return 2;
    }
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(atoi(argv[2]), &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);
    unsigned interface = if_nametoindex(argv[1]);
    if (interface == 0)
        die(argv[1]);
    int rx = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int tx = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (rx < 0 || tx < 0)
        die("socket(AF_PACKET)");
    int version = TPACKET_V2, one = 1, bytes = 8 << 20;
    option(rx, PACKET_VERSION, &version, sizeof version, "TPACKET_V2");
    option(rx, PACKET_IGNORE_OUTGOING, &one, sizeof one, "PACKET_IGNORE_OUTGOING");
    struct tpacket_req request = {BLOCK, RING / BLOCK, SLOT, SLOTS};
    option(rx, PACKET_RX_RING, &request, sizeof request, "PACKET_RX_RING");
    uint8_t *ring = mmap(NULL, RING, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, rx, 0);
    if (ring == MAP_FAILED)
        die("mmap ring");
    option(tx, PACKET_QDISC_BYPASS, &one, sizeof one, "PACKET_QDISC_BYPASS");
    setsockopt(tx, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    bind_to(tx, interface, 0);
    bind_to(rx, interface, ETH_P_ALL);
    puts("ready");
    fflush(stdout);

    static struct mmsghdr messages[BATCH];
    static struct iovec vectors[BATCH];
    static struct tpacket2_hdr *slots[BATCH];
    for (int i = 0; i < BATCH; i++) {
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    uint32_t next = 0;
    for (;;) {
        int count = 0;
        while (count < BATCH) {
            struct tpacket2_hdr *slot = (struct tpacket2_hdr *)(ring + (size_t)next * SLOT);
            if (!(__atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
                break;
            uint8_t *frame = (uint8_t *)slot + slot->tp_mac, swap[6];
            memcpy(swap, frame, 6);
            memcpy(frame, frame + 6, 6);
            memcpy(frame + 6, swap, 6);
            vectors[count].iov_base = frame;
            vectors[count].iov_len = slot->tp_snaplen;
            slots[count++] = slot;
            next = (next + 1) % SLOTS;
        }
        for (int sent = 0; sent < count;) {
            int now = sendmmsg(tx, messages + sent, (unsigned)(count - sent), MSG_DONTWAIT);
            if (now <= 0)
                break; /* full: what is left is dropped */
            sent += now;
        }
        for (int i = 0; i < count; i++)
            __atomic_store_n(&slots[i]->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    }
}
