/* SPDX-License-Identifier: Apache-2.0 */
/* The switch: where frames go, what is learnt and forgotten, whose address is whose; checksums. */
#include <unit.h>

#include <asm/host.h>
#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/timeout.h>
#include <lib/errno.h>
#include <stdlib.h>
#include <string.h>
#include <vmm/net.h>

#define PORTS    600 /* more than a page of them */
#define STATIONS 4
#define MAC(n)   (0x020000000100ULL + (n))
#define OTHER(n) (0x060000000000ULL + (n))
#define ALL      0xffffffffffffULL
#define MINUTES  (60 * HOST_COUNTER_HZ)

static struct port {
	struct net_port port;
	u32 got, from;
	bool sums;
	u8 bytes[NET_FRAME_MAX];
	u32 len;
} ports[PORTS];

void *kzalloc(size_t size)
{
	return calloc(1, size);
}

void klog(enum log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

void kfree(void *p, size_t size)
{
	(void)size;
	free(p);
}

u64 ms_to_ticks(u64 ms)
{
	return ms * HOST_COUNTER_HZ / 1000;
}

u64 ticks_to_us(u64 ticks)
{
	return ticks / HOST_COUNTER_HZ * 1000000 +
	       ticks % HOST_COUNTER_HZ * 1000000 / HOST_COUNTER_HZ;
}

/* In place of the streams: what a capture writes. */
static struct {
	u8 bytes[4096];
	u32 len, pieces;
	int answer; /* of opening it */
} file;

void port_stream_init(struct port_stream *s)
{
	*s = (struct port_stream){ .port = -1 };
}

int port_stream_open(struct port_stream *s, s32 want, const void *head, u32 len)
{
	if (file.answer < 0)
		return file.answer;
	memcpy(file.bytes, head, len);
	file.len = len;
	s->open = true;
	s->port = want;
	return want;
}

void port_stream_close(struct port_stream *s)
{
	assert_true(s->open);
	s->open = false;
}

void port_stream_put(struct port_stream *s, const struct port_piece *pieces, u32 count)
{
	assert_true(s->open && count <= PORT_STREAM_PIECES);
	for (u32 i = 0; i < count; i++) {
		assert_true(file.len + pieces[i].len <= sizeof(file.bytes));
		memcpy(file.bytes + file.len, pieces[i].at, pieces[i].len);
		file.len += pieces[i].len;
	}
	s->records++;
}

static void receive(struct net_port *port, const struct net_frame *f, u32 from)
{
	struct port *p = container_of(port, struct port, port);

	assert_true(!f->has_sum || p->sums);
	assert_int_equal(port->pins, 1);
	p->got++;
	p->from = from;
	p->len = f->len;
	net_frame_copy(f, p->bytes);
}

static bool sums(struct net_port *port)
{
	return container_of(port, struct port, port)->sums;
}

static int join(u32 n, const char *network, u64 mac)
{
	ports[n] = (struct port){ .port = { .owner = "vm", .name = "net0" } };
	ports[n].port.receive = receive;
	ports[n].port.sums = sums;
	return net_join(&ports[n].port, network, mac, STATIONS);
}

static void begin(struct net_frame *f, u64 to, u64 from)
{
	*f = (struct net_frame){ .count = 0 };
	for (u32 i = 0; i < 6; i++) {
		f->head[i] = (u8)(to >> (40 - 8 * i));
		f->head[6 + i] = (u8)(from >> (40 - 8 * i));
	}
	assert_true(net_frame_add(f, f->head, NET_HEAD));
}

static void send(u32 n, u64 to, u64 from)
{
	struct net_frame f;

	begin(&f, to, from);
	assert_true(net_frame_add(&f, "data", 4));
	net_send(&ports[n].port, &f);
}

/* Which of the first eight ports got one frame each since the last look, one bit a port. */
static u32 got(void)
{
	u32 mask = 0;

	for (u32 i = 0; i < 8; i++) {
		assert_in_range(ports[i].got, 0, 1);
		mask |= ports[i].got << i;
		ports[i].got = 0;
	}
	return mask;
}

static int setup(void **unused)
{
	(void)unused;
	host_reset();
	memset(ports, 0, sizeof(ports));
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(join(i, "lan", MAC(i)), 0);
	assert_int_equal(join(4, "other", MAC(0)), 0); /* another network: the same address */
	return 0;
}

static int teardown(void **state)
{
	for (u32 i = 0; i < PORTS; i++)
		if (ports[i].port.net)
			net_leave(&ports[i].port);
	assert_null(net_next(NULL));
	return unit_end(state);
}

static void test_where(void **unused)
{
	(void)unused;
	send(0, MAC(1), MAC(0));
	assert_int_equal(got(), 2);
	assert_memory_equal(&ports[1].bytes[NET_HEAD], "data", 4);
	assert_int_equal(ports[1].from, 0);
	send(0, ALL, MAC(0));
	assert_int_equal(got(), 0xe);
	send(0, 0x333300000001, MAC(0));
	assert_int_equal(got(), 0xe);
	send(1, OTHER(1), MAC(1)); /* unknown */
	assert_int_equal(got(), 0xd);
	send(1, MAC(1), MAC(1)); /* its own */
	assert_int_equal(got(), 0);
	send(4, MAC(1), MAC(0));
	assert_int_equal(got(), 0);
}

static void test_learning(void **unused)
{
	(void)unused;
	send(0, MAC(1), OTHER(1));
	assert_int_equal(got(), 2);
	send(2, OTHER(1), MAC(2));
	assert_int_equal(got(), 1);
	send(0, OTHER(1), MAC(0)); /* behind the same port */
	assert_int_equal(got(), 0);
	/* It moves. */
	send(3, ALL, OTHER(1));
	assert_int_equal(got(), 7);
	send(2, OTHER(1), MAC(2));
	assert_int_equal(got(), 8);
	/* It is silent for long. */
	host_counter += 4 * MINUTES;
	send(3, MAC(0), OTHER(1));
	host_counter += 4 * MINUTES;
	assert_int_equal(got(), 1);
	send(2, OTHER(1), MAC(2));
	assert_int_equal(got(), 8);
	host_counter += 2 * MINUTES;
	send(2, OTHER(1), MAC(2));
	assert_int_equal(got(), 0xb);
}

static void count(u64 mac, void *arg)
{
	(void)mac;
	++*(u32 *)arg;
}

/* A port that sends with many addresses displaces its own only. */
static void test_full(void **unused)
{
	u32 n = 0;

	(void)unused;
	send(1, MAC(2), OTHER(100));
	assert_int_equal(got(), 4);
	for (u32 i = 0; i < 50; i++) {
		host_counter++;
		send(0, MAC(2), OTHER(i));
		assert_int_equal(got(), 4);
	}
	assert_int_equal(ports[0].port.displaced, 50 - STATIONS);
	net_each_station(&ports[0].port, count, &n);
	assert_int_equal(n, STATIONS);
	send(2, OTHER(49), MAC(2));
	assert_int_equal(got(), 1);
	send(2, OTHER(45), MAC(2));
	assert_int_equal(got(), 0xb);
	send(2, OTHER(100), MAC(2));
	assert_int_equal(got(), 2);
	host_counter += 6 * MINUTES;
	n = 0;
	net_each_station(&ports[0].port, count, &n);
	assert_int_equal(n, 0);
}

/*
 * The uplink's 1024 places are full. Another address takes the oldest of the next few: a walk
 * through all of them, with interrupts masked, is too long.
 */
static void test_places(void **unused)
{
	struct net_port *uplink = &ports[0].port;
	struct net_station *oldest;

	(void)unused;
	net_leave(uplink);
	*uplink = (struct net_port){ .owner = "b0", .name = "net0" };
	uplink->receive = ports[1].port.receive;
	uplink->sums = ports[1].port.sums;
	assert_int_equal(net_join(uplink, "lan", MAC(0), 1024), 0);
	for (u32 i = 0; i < 1024; i++) {
		host_counter++;
		send(0, MAC(2), OTHER(i));
		assert_int_equal(got(), 4);
	}
	assert_int_equal(uplink->displaced, 0);
	oldest = &uplink->stations[600];
	oldest->seen = 0;
	for (u32 i = 0; i < 600 / 16; i++) {
		host_counter++;
		send(0, MAC(2), OTHER(2000 + i));
		assert_int_equal(got(), 4);
		assert_int_equal(oldest->mac, OTHER(600));
		assert_int_equal(uplink->displaced, i + 1);
	}
	send(0, MAC(2), OTHER(3000));
	assert_int_equal(got(), 4);
	assert_int_equal(oldest->mac, OTHER(3000));
}

static void test_sources(void **unused)
{
	(void)unused;
	send(0, MAC(2), MAC(1)); /* another port's */
	send(0, MAC(2), ALL);    /* a group's */
	send(0, MAC(2), 0);
	assert_int_equal(got(), 0);
	assert_int_equal(ports[0].port.out.dropped, 3);
	send(2, MAC(1), MAC(2));
	assert_int_equal(got(), 2);
	ports[0].port.filter = true;
	send(0, MAC(2), OTHER(1));
	assert_int_equal(got(), 0);
	assert_int_equal(ports[0].port.out.dropped, 4);
	send(0, MAC(2), MAC(0));
	assert_int_equal(got(), 4);
}

static void test_joining(void **unused)
{
	(void)unused;
	assert_int_equal(join(5, "lan", MAC(2)), -EEXIST);
	assert_null(ports[5].port.net);
	/* An address that was only learnt belongs to the device that comes with it. */
	send(0, ALL, OTHER(1));
	(void)got();
	assert_int_equal(join(5, "lan", OTHER(1)), 0);
	send(1, OTHER(1), MAC(1));
	assert_int_equal(got(), 0x20);
	/* A port that leaves takes its addresses with it; its number is used again. */
	send(5, ALL, OTHER(2));
	assert_int_equal(got(), 0xf);
	net_leave(&ports[5].port);
	send(1, OTHER(2), MAC(1));
	assert_int_equal(got(), 0xd);
	assert_int_equal(join(6, "lan", MAC(6)), 0);
	assert_int_equal(ports[6].port.number, 4);
	net_leave(&ports[4].port);
	assert_string_equal(net_name(net_next(NULL)), "lan");
	assert_null(net_next(net_next(NULL)));
}

static void test_many(void **unused)
{
	u32 n = 0, sum = 0;

	(void)unused;
	for (u32 i = 5; i < PORTS; i++)
		assert_int_equal(join(i, "lan", MAC(i)), 0);
	for (const struct net_port *p = NULL; (p = net_port_next(ports[0].port.net, p));)
		n++;
	assert_int_equal(n, PORTS - 1);
	send(PORTS - 1, ALL, MAC(PORTS - 1));
	for (u32 i = 0; i < PORTS; i++)
		sum += ports[i].got;
	assert_int_equal(sum, PORTS - 2);
	assert_int_equal(ports[PORTS - 1].got, 0);
	/* Those that are left get it too, far apart as they are. */
	for (u32 i = 5; i < PORTS - 1; i++)
		net_leave(&ports[i].port);
	send(0, ALL, MAC(0));
	assert_int_equal(ports[PORTS - 1].got, 1);
}

/* RFC 1071, byte by byte. */
static u16 sum_of(const u8 *bytes, u32 len)
{
	u32 sum = 0;

	for (u32 i = 0; i < len; i++)
		sum += i & 1 ? bytes[i] : (u32)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)sum;
}

/* Cut into pieces in many ways: the checksum is right, and the sender's memory is not written. */
static void test_sums(void **unused)
{
	static const u32 fields[] = { 0, 1, 2, 6, 16, 17, 99 - 2 };
	u8 data[2][113];

	(void)unused;
	for (u32 cut = 1; cut < 99; cut++) {
		const u32 field = fields[cut % ARRAY_SIZE(fields)];
		const u32 start = NET_HEAD + cut % 3;
		struct net_frame f;

		for (u32 i = 0; i < 99 + cut % 3; i++)
			data[0][i] = (u8)(i * 37 + cut);
		memcpy(data[1], data[0], sizeof(data[0]));
		begin(&f, MAC(1), MAC(0));
		assert_true(net_frame_add(&f, data[0], cut));
		if (cut % 2)
			assert_true(net_frame_add(&f, data[0] + cut, 1));
		assert_true(
			net_frame_add(&f, data[0] + cut + cut % 2, 99 + cut % 3 - cut - cut % 2));
		f.has_sum = true;
		f.sum_start = (u16)start;
		f.sum_offset = (u16)field;
		net_send(&ports[0].port, &f);
		assert_int_equal(got(), 2);
		assert_int_equal(ports[1].len, NET_HEAD + 99 + cut % 3);
		assert_memory_equal(data[0], data[1], sizeof(data[0]));
		/* With the field's old value, a pseudo header's sum, instead of the new one. */
		memcpy(&data[1][start - NET_HEAD + field], &ports[1].bytes[start + field], 2);
		assert_memory_equal(&ports[1].bytes[NET_HEAD], data[1], 99 + cut % 3);
		const u16 want = (u16)~sum_of(&data[0][start - NET_HEAD], 99);
		const u8 *at = &ports[1].bytes[start + field];

		assert_int_equal(field & 1 ? at[1] << 8 | at[0] : at[0] << 8 | at[1],
				 field & 1 ? (u16)(want << 8 | want >> 8) : want);
	}
	/* Left as it is for a port that does it itself; done once for all in a flood. */
	struct net_frame f;

	begin(&f, MAC(1), MAC(0));
	assert_true(net_frame_add(&f, data[0], 40));
	f.has_sum = true;
	f.sum_start = 14;
	ports[1].sums = true;
	net_send(&ports[0].port, &f);
	assert_true(f.has_sum);
	assert_int_equal(got(), 2);
	f.head[0] = 0xff;
	net_send(&ports[0].port, &f);
	assert_int_equal(got(), 0xe);
}

static u32 word(u32 at)
{
	u32 value;

	memcpy(&value, file.bytes + at, 4);
	return value;
}

/* Each frame once, with its checksum, up to the snap length; no frame that is refused. */
static void test_capture(void **unused)
{
	static const u8 head[24] = {
		0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20
	};
	const struct net *net = ports[0].port.net;
	struct net_frame f;

	(void)unused;
	file.answer = -EBUSY;
	assert_int_equal(net_capture_start("lan", 3, 20, 1000), -EBUSY);
	assert_int_equal(net_capture_start("nothing", 3, 20, 1000), -ENOENT);
	send(0, MAC(1), MAC(0));
	assert_int_equal(got(), 2);
	file.answer = 0;
	assert_int_equal(net_capture_start("lan", 3, 20, 1000), 3);
	assert_int_equal(net_capture_start("lan", 3, 20, 1000), -EEXIST);
	assert_int_equal(file.len, sizeof(head));
	assert_memory_equal(file.bytes, head, 20);
	assert_int_equal(word(20), 1);
	host_counter += HOST_COUNTER_HZ * 5 / 2;
	send(0, ALL, MAC(0));    /* once, however many ports get it */
	send(0, MAC(1), MAC(2)); /* another port's address */
	send(4, MAC(1), MAC(0)); /* another network */
	assert_int_equal(got(), 0xe);
	assert_int_equal(file.len, 24 + 16 + 18);
	assert_int_equal(word(24), 1002);
	assert_int_equal(word(28), 500000000);
	assert_int_equal(word(32), 18);
	assert_int_equal(word(36), 18);
	assert_memory_equal(file.bytes + 54, "data", 4);
	file.len = 0;
	begin(&f, MAC(1), MAC(0));
	assert_true(net_frame_add(&f, "\0\0\0\x01 and more", 12));
	f.has_sum = true;
	f.sum_start = 14;
	ports[1].sums = true;
	net_send(&ports[0].port, &f);
	assert_int_equal(got(), 2);
	assert_int_equal(word(8), 20);
	assert_int_equal(word(12), 26);
	assert_int_equal(file.len, 16 + 20);
	assert_memory_equal(file.bytes + 16, ports[1].bytes, 20);
	assert_int_not_equal(file.bytes[16 + 14], 0);
	assert_int_equal(net_capture_of(net)->stream.records, 2);
	net_capture_end("lan");
	net_capture_end("lan");
	assert_false(net_capture_of(net)->stream.open);
	/* It ends with the network. */
	assert_int_equal(net_capture_start("other", 3, 20, 1000), 3);
	net_leave(&ports[4].port);
}

static void test_names(void **unused)
{
	char text[NET_MAC_TEXT];

	(void)unused;
	assert_string_equal(net_mac_text(0x020a00ff0001, text), "02:0a:00:ff:00:01");
	assert_int_equal(net_mac((const u8 *)"\x02\x0a\x00\xff\x00\x01"), 0x020a00ff0001);
	assert_int_equal(net_mac_of_name("linux", "net0"), net_mac_of_name("linux", "net0"));
	assert_int_not_equal(net_mac_of_name("linux", "net0"), net_mac_of_name("linux", "net1"));
	assert_int_not_equal(net_mac_of_name("linux", "net0"), net_mac_of_name("linux-2", "net0"));
	assert_int_equal(net_mac_of_name("a", "b") >> 40, 2);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_where),   TEST(test_learning), TEST(test_full), TEST(test_places),
		TEST(test_sources), TEST(test_joining),  TEST(test_many), TEST(test_sums),
		TEST(test_names),   TEST(test_capture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
