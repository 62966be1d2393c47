/* SPDX-License-Identifier: Apache-2.0 */
/* Captures of networks, in pcap format: a head, then a head and the bytes of each frame. */
#include <arch/timer.h>
#include <kernel/timeout.h>
#include <lib/errno.h>
#include <vmm/net.h>

#define NS_OF_S 1000000000UL

/* In the machine's byte order, which a reader knows by the magic number: times in nanoseconds. */
struct pcap_head {
	u32 magic;
	u16 major, minor;
	u32 zone, accuracy; /* 0 */
	u32 snap;
	u32 link;
};
_Static_assert(sizeof(struct pcap_head) == 24, "pcap");
#define PCAP_MAGIC    0xa1b23c4d
#define LINK_ETHERNET 1

struct pcap_record {
	u32 s, ns;
	u32 kept, len; /* bytes of the frame */
};

int net_capture_open(struct net_capture *c, s32 want, u32 snap, u64 wall)
{
	const struct pcap_head head = {
		.magic = PCAP_MAGIC,
		.major = 2,
		.minor = 4,
		.snap = snap,
		.link = LINK_ETHERNET,
	};

	if (port_stream_is_open(&c->stream))
		return -EEXIST;
	c->snap = snap;
	c->start_ns = wall * NS_OF_S;
	c->start_ticks = arch_counter();
	return port_stream_open(&c->stream, want, &head, sizeof(head));
}

void net_capture_frame(struct net_capture *c, struct net_frame *f)
{
	const u64 ns = c->start_ns + ticks_to_us((arch_counter() - c->start_ticks) * 1000);
	struct pcap_record head = { (u32)(ns / NS_OF_S), (u32)(ns % NS_OF_S), 0, f->len };
	struct port_piece pieces[1 + ARRAY_SIZE(f->pieces)] = { { &head, sizeof(head) } };
	u32 count = 1;

	_Static_assert(ARRAY_SIZE(pieces) <= PORT_STREAM_PIECES, "a frame is one record");
	if (f->has_sum)
		net_frame_sum(f);
	for (u32 i = 0; i < f->count && head.kept < c->snap; i++) {
		const u32 len = MIN(f->pieces[i].len, c->snap - head.kept);

		pieces[count++] = (struct port_piece){ f->pieces[i].at, len };
		head.kept += len;
	}
	port_stream_put(&c->stream, pieces, count);
}
