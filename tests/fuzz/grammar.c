/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions and schedules (docs/description.md), and the addresses in them. */
#include "grammar.h"
#include "trees.h"

#include <vmm/desc.h>

u64 fuzz_address(struct fuzz_input *in)
{
	static const u64 places[] = {
		RAM_LOADED_AT,
		RAM_BASE,
		RAM_BASE + MIB(1),
		RAM_IMAGE_AT,
		RAM_IMAGE_END,
		RAM_TREE_AT,
		RAM_BUNDLE_AT,
		RAM_KEPT_AT,
		RAM_NO_MAP_AT,
		RAM_BASE + RAM_SIZE,
		ZEPHYR_AT,
		LINUX_AT,
		DTB_AT,
		0x9000000, /* a device */
		0,
		BIT(32),
		BIT(47),
		BIT(63),
		0,
	};
	const u64 at = fuzz_word(in, places);

	switch (fuzz_below(in, 16)) {
	case 15:
		return fuzz_u64(in);
	case 14:
		return at - 1 - fuzz_byte(in);
	case 13:
		return at + fuzz_byte(in);
	case 12:
	case 11:
		return at + 4096 * ((u64)fuzz_byte(in) - 128);
	default:
		return at;
	}
}

u64 fuzz_length(struct fuzz_input *in)
{
	static const u64 lengths[] = { 4096,   64,      1,      RAM_TAKEN, MIB(1),
				       MIB(8), BIT(32), ~0xfff, ~0ULL,     0 };

	return fuzz_byte(in) & 1 ? fuzz_word(in, lengths) : 64 * (u64)fuzz_byte(in);
}

/* ---- descriptions ---- */

/* A file that there is, mostly. */
static const char *image_name(struct fuzz_input *in)
{
	static const char *const names[] = {
		"link", "none", "loop", "a//b", "../x", "damaged", "/x"
	};

	if (fuzz_once_in(in, 8))
		return fuzz_word(in, names);
	return fuzz_byte(in) & 1 ? "img/kernel" : "Image";
}

static void put_initrd(struct fuzz_input *in)
{
	const bool both = fuzz_once_in(in, 32), file = fuzz_byte(in) & 1;

	if (file || both)
		tree_text("initrd", image_name(in));
	if (!file || both) {
		tree_doubles("initrd-address", fuzz_address(in));
		tree_doubles("initrd-size", fuzz_length(in));
	}
}

static void put_images(struct fuzz_input *in)
{
	const u8 which = fuzz_byte(in);

	if (which & 1) {
		tree_doubles("kernel-address", fuzz_address(in));
		tree_doubles("kernel-size", fuzz_length(in));
	} else {
		tree_text("kernel", image_name(in));
	}
	if (which & 2)
		put_initrd(in);
	if (which & 4)
		tree_text("devicetree", fuzz_once_in(in, 8) ? image_name(in) : "dtb");
	if ((which & 24) == 8) /* for code only: Images and ELF files say it themselves */
		tree_doubles("load-address", fuzz_once_in(in, 4)
						     ? fuzz_address(in)
						     : GUEST_RAM_BASE + 4 * fuzz_below(in, 64));
	if ((which & 96) == 32)
		tree_doubles("devicetree-address",
			     fuzz_once_in(in, 4) ? fuzz_address(in)
						 : GUEST_RAM_BASE + KIB(64) * fuzz_byte(in));
}

static void put_memory(struct fuzz_input *in)
{
	u64 sizes[RAM_BANKS_MAX + 1], bases[RAM_BANKS_MAX + 1];
	u32 banks = 1 + fuzz_below(in, fuzz_once_in(in, 8) ? RAM_BANKS_MAX + 1 : 2);

	for (u32 i = 0; i < banks; i++) {
		sizes[i] = MIB(2) * (1 + fuzz_byte(in));
		bases[i] = fuzz_once_in(in, 8) ? fuzz_address(in) : GUEST_RAM_BASE + GIB(1) * i;
	}
	tree_numbers("memory", (const u32[]){ 2 }, 1, sizes, banks);
	if (banks > 1 || fuzz_once_in(in, 4))
		tree_numbers("memory-base", (const u32[]){ 2 }, 1, bases, banks);
}

static void put_scheduling(struct fuzz_input *in)
{
	const u8 which = fuzz_byte(in);

	if (which & 1)
		tree_cells("priority", fuzz_below(in, 66));
	if (which & 2)
		tree_cells("affinity", 1 + fuzz_byte(in));
	if ((which & 12) == 4)
		tree_put("dedicated", NULL, 0);
	if (which & 8) {
		tree_cells("period-us", 100 + 100 * (u64)fuzz_byte(in));
		tree_cells("budget-us", 10 + 10 * (u64)fuzz_byte(in));
	}
	if (which & 16)
		tree_cells("weight", 1 + fuzz_byte(in));
	if (which & 32)
		tree_text("policy", fuzz_byte(in) & 1 ? "round-robin" : "fifo");
	if (which & 64)
		tree_text("restart", fuzz_byte(in) & 1 ? "always" : "on-failure");
	if (which & 128)
		tree_put("autostart", NULL, 0);
}

/* A console as it should be; others have properties of all kinds. */
static void put_console(struct fuzz_input *in, const char *name)
{
	static const char ports[] = "a\0b\0org.zvm.control"; /* of it, parts */

	tree_begin(name);
	tree_text("compatible", "zvm,virtio-console");
	if (fuzz_byte(in) & 1)
		tree_put("port-names", ports + 2 * fuzz_below(in, 3), fuzz_once_in(in, 4) ? 2 : 16);
	tree_end();
}

static void put_devices(struct fuzz_input *in)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i" };
	static const char *const kinds[] = { "zvm,virtio-rng",     "zvm,virtio-blk",
					     "zvm,virtio-console", "zvm,virtio-net",
					     "zvm,virtio-vsock",   "zvm,virtio-balloon",
					     "zvm,virtio-rpmsg" };
	static const u8 macs[3][6] = { { 2, 0, 0, 0, 0, 1 }, { 0 }, { 3 } };
	static const u8 rates[][12] = { { 0, 0, 1 },
					{ 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0 },
					{ 255 } };
	static const char ports[] = "agent\0log.1\0agent\0d\0.e\0xx"; /* of it, parts */
	const u32 count = fuzz_below(in, fuzz_once_in(in, 8) ? ARRAY_SIZE(names) + 1 : 4);

	tree_begin("devices");
	for (u32 i = 0; i < count; i++) {
		if (fuzz_once_in(in, 4)) {
			put_console(in, names[i]);
			continue;
		}
		tree_begin(names[i]);
		tree_text("compatible", fuzz_once_in(in, 16) ? "x" : fuzz_word(in, kinds));
		if (fuzz_once_in(in, 2))
			tree_cells("slot", fuzz_below(in, VIRTIO_SLOTS + 1));
		if (fuzz_once_in(in, 2))
			tree_text("image", image_name(in));
		if (fuzz_once_in(in, 4))
			tree_text("serial", fuzz_once_in(in, 4) ? "" : "a1");
		if (fuzz_once_in(in, 4))
			tree_text("disk", fuzz_once_in(in, 4) ? "" : "label:root");
		if (fuzz_once_in(in, 4))
			tree_put("readonly", NULL, 0);
		if (fuzz_once_in(in, 2))
			tree_text("network", fuzz_once_in(in, 8) ? "a b" : "lan0");
		if (fuzz_once_in(in, 4))
			tree_text("link", "control");
		if (fuzz_once_in(in, 4))
			tree_put("mac", macs[fuzz_below(in, 3)], fuzz_once_in(in, 8) ? 5 : 6);
		if (fuzz_once_in(in, 4))
			tree_put("mac-filter", NULL, 0);
		if (fuzz_once_in(in, 8))
			tree_cells("cid", fuzz_below(in, 16));
		if (fuzz_once_in(in, 8))
			tree_put("host-ports", "\0\0\0\1\0\0\0\2", 4 * fuzz_below(in, 3));
		if (fuzz_once_in(in, 8))
			tree_put("discard-at-reset", NULL, 0);
		if (fuzz_once_in(in, 4))
			tree_put("port-names", ports + 6 * fuzz_below(in, 3),
				 fuzz_once_in(in, 2) ? fuzz_below(in, 13) : 6);
		if (fuzz_once_in(in, 8))
			tree_put("rate-kib", rates[fuzz_below(in, 3)],
				 fuzz_once_in(in, 8) ? 8 : 12);
		tree_end();
	}
	tree_end();
}

static void put_channels(struct fuzz_input *in)
{
	static const char *const names[] = { "loop", "loop", "a", "a-very-long-name-of-a-channel" };
	static const char *const caches[] = { "nc", "wb" };
	static const u32 sizes[] = { 0x1000, 0x10000 };
	static const u32 odd[] = { 0, 0x800, 0x2000000, 0x40000000 };
	static const char peers[] = "linux\0rtos\0a\0zephyr\0linux\0a b";

	tree_begin("channels");
	if (fuzz_once_in(in, 16))
		tree_cells("x", 1);
	for (u32 n = 1 + fuzz_once_in(in, 8); n > 0; n--) {
		tree_begin(fuzz_word(in, names));
		if (!fuzz_once_in(in, 16))
			tree_put("peers", peers,
				 fuzz_once_in(in, 4) ? fuzz_below(in, sizeof(peers)) : 11);
		tree_cells("size", 0,
			   fuzz_once_in(in, 8) ? fuzz_word(in, odd) : fuzz_word(in, sizes));
		tree_cells("output", fuzz_once_in(in, 8) ? fuzz_word(in, odd) : 0x1000);
		tree_cells("protocol", fuzz_once_in(in, 16) ? 0x10000 : 0x4000);
		if (fuzz_byte(in) & 1)
			tree_text("cache", fuzz_once_in(in, 16) ? "x" : fuzz_word(in, caches));
		tree_end();
	}
	tree_end();
}

static void put_tasks(struct fuzz_input *in)
{
	static const char *const names[] = { "task0", "task1", "task2", "task10", "task7",
					     "task8", "task9", "task3", "task4",  "task" };
	static const u32 periods[] = { 100, 1000, 1500, 10000, 10000000 };
	const u32 count = fuzz_below(in, fuzz_once_in(in, 8) ? ARRAY_SIZE(names) + 1 : 4);

	for (u32 i = 0; i < count; i++) {
		const u32 period = fuzz_word(in, periods);

		tree_begin(names[i]);
		tree_cells("period-us", period);
		tree_cells("wcet-us", 1 + fuzz_below(in, 1 + period / (1 + fuzz_below(in, 4))));
		if (fuzz_byte(in) & 1)
			tree_cells("deadline-us", period - fuzz_below(in, period / 2));
		if (fuzz_once_in(in, 16)) {
			tree_begin("sub");
			tree_end();
		}
		tree_end();
	}
}

static void put_nodes(struct fuzz_input *in)
{
	static const char *const others[] = { "devices", "channels", "passthrough", "x" };
	const u8 which = fuzz_byte(in);

	if (which & 1) {
		tree_begin("console");
		tree_text("backend", fuzz_byte(in) & 1 ? "none" : "port");
		if (which & 2)
			tree_cells("port", fuzz_below(in, 33));
		if (fuzz_once_in(in, 16)) {
			tree_begin("sub");
			tree_end();
		}
		tree_end();
	}
	if (which & 4)
		put_devices(in);
	if (which & 8)
		put_channels(in);
	if (which & 16)
		put_tasks(in);
	if (which > 240) {
		tree_begin(fuzz_word(in, others));
		if (fuzz_once_in(in, 4)) {
			tree_begin("net0");
			tree_end();
		}
		tree_end();
	}
}

void *grow_description(struct fuzz_input *in, size_t *size)
{
	static const char *const labels[] = { "linux", "rtos", "a", "zephyr", "linux-2" };
	static const char *const odd_labels[] = { "7", "-n", "", "a b", "0x" };
	static const char *const odd[] = { "firmware", "colour" };
	static const char controls[] = "linux\0rtos\0a\0z\0rtos\0a b\0rtos"; /* of it, parts */
	const u8 which = fuzz_byte(in);

	tree_open(in);
	tree_begin("");
	tree_text("compatible", "zvm,vm");
	tree_text("label",
		  fuzz_once_in(in, 16) ? fuzz_word(in, odd_labels) : fuzz_word(in, labels));
	if (which & 1)
		tree_cells("cpus", 1 + fuzz_below(in, DESC_CPUS_MAX + 1));
	put_memory(in);
	put_images(in);
	if (which & 2)
		tree_text("bootargs", fuzz_once_in(in, 8) ? "\xc3\xa4\x1b[2J" : "console=ttyAMA0");
	put_scheduling(in);
	if (which & 4)
		tree_put(fuzz_once_in(in, 2) ? "pmu" : "watchdog", NULL, 0);
	if (fuzz_once_in(in, 16))
		tree_text("memory-policy", fuzz_once_in(in, 4) ? "late" : "eager");
	if (which & 8)
		tree_cells("gic-version", fuzz_once_in(in, 8) ? 1 : 2 + fuzz_below(in, 2));
	if (fuzz_once_in(in, 4))
		tree_put("control", controls + 5 * fuzz_below(in, 4),
			 fuzz_once_in(in, 4) ? fuzz_below(in, 12) : 10);
	if (fuzz_once_in(in, 16))
		tree_text(fuzz_word(in, odd), "x");
	put_nodes(in);
	return tree_close(size);
}

/* ---- schedules ---- */

static void put_window(struct fuzz_input *in, u64 *at)
{
	static const char *const names[] = { "one", "two", "late", "\x1b[2J" };
	static const char *const vms[] = { "linux", "rtos", "linux-2", "liunx", "", "loop" };
	const u64 offset = *at + 10 * (u64)fuzz_byte(in);
	const u64 length = WINDOW_US_MIN + 10 * (u64)fuzz_byte(in);

	tree_begin(fuzz_word(in, names));
	tree_text("vm", fuzz_word(in, vms));
	tree_cells("offset-us", fuzz_once_in(in, 16) ? 0 : offset);
	tree_cells("length-us", length);
	if (fuzz_once_in(in, 32)) {
		tree_begin("sub");
		tree_end();
	}
	tree_end();
	*at = offset + length;
}

void *grow_schedule(struct fuzz_input *in, size_t *size)
{
	const u32 cpus = fuzz_once_in(in, 8) ? SCHEDULE_CPUS + 1 : 1 + fuzz_below(in, 3);

	tree_open(in);
	tree_begin("");
	tree_text("compatible", fuzz_once_in(in, 16) ? "zvm,vm" : "zvm,schedule");
	for (u32 cpu = 0; cpu < cpus; cpu++) {
		u32 windows = 1 + fuzz_below(in, fuzz_once_in(in, 8) ? SCHEDULE_WINDOWS + 1 : 4);
		u64 at = 0;

		tree_begin(cpu % 2 ? "cpu@1" : "cpu@0");
		tree_cells("reg", fuzz_once_in(in, 16) ? fuzz_byte(in) : cpu);
		tree_cells("frame-us", fuzz_once_in(in, 8) ? FRAME_US_MIN : KIB(20));
		while (windows-- > 0)
			put_window(in, &at);
		tree_end();
	}
	return tree_close(size);
}
