/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bundle as a whole: archives with descriptions, their images, a schedule, and images that a
 * loader left in memory. It is read as at boot, listed as by `zvm list`, and loaded as by `zvm
 * new`. Only the RAM that EL2 may read can be read here: any other read ends the fuzzer.
 */
#include "grammar.h"

#include <arch/mmu.h>
#include <kernel/early.h>
#include <kernel/ram.h>
#include <lib/devicetree.h>
#include <lib/errno.h>
#include <string.h>
#include <sys/mman.h>
#include <vmm/desc.h>
#include <vmm/core.h>
#include <vmm/load.h>

#define MEMORY_SIZE GIB(3)

static u8 *memory; /* at RAM_BASE of the machine */

/* The machine's RAM, and the places where a loader may have left something. */
static const struct phys_range banks[] = {
	{ { RAM_BASE }, RAM_SIZE },    { { ZEPHYR_AT }, WINDOW_SIZE },
	{ { LINUX_AT }, WINDOW_SIZE }, { { INITRD_AT }, WINDOW_SIZE },
	{ { DTB_AT }, WINDOW_SIZE },
};
static const u64 loaded_at[] = {
	ZEPHYR_AT,     LINUX_AT,          INITRD_AT,     DTB_AT,
	RAM_LOADED_AT, RAM_BASE + MIB(1), RAM_IMAGE_END, RAM_BASE + RAM_SIZE - 4096,
};

void *phys_to_virt(paddr_t pa)
{
	fuzz_assert(pa.pa >= RAM_BASE && pa.pa < RAM_BASE + MEMORY_SIZE);
	return memory + (pa.pa - RAM_BASE);
}

static void make_memory(void)
{
	memory = mmap(NULL, MEMORY_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		      0);
	fuzz_assert(memory != MAP_FAILED);
	for (u32 i = 0; i < ARRAY_SIZE(banks); i++)
		fuzz_assert(!mprotect(phys_to_virt(banks[i].base), banks[i].size,
				      PROT_READ | PROT_WRITE));
	fuzz_assert(!mprotect(phys_to_virt(PADDR(RAM_IMAGE_AT)), RAM_IMAGE_END - RAM_IMAGE_AT,
			      PROT_NONE));
	fuzz_assert(!mprotect(phys_to_virt(PADDR(RAM_NO_MAP_AT)), ALIGN_UP(RAM_TAKEN, PAGE_SIZE),
			      PROT_NONE));
}

/* As the start registers them. */
static void note_ram(void)
{
	static u64 early[KIB(8)];
	const struct phys_range image = { PADDR(RAM_IMAGE_AT), RAM_IMAGE_END - RAM_IMAGE_AT };

	early_init(early, sizeof(early));
	ram_reset();
	for (u32 i = 0; i < ARRAY_SIZE(banks); i++)
		fuzz_assert(ram_add(banks[i]));
	fuzz_assert(ram_settle(BIT(47)));
	fuzz_assert(ram_take(image, RAM_IMAGE));
	fuzz_assert(ram_take((struct phys_range){ PADDR(RAM_TREE_AT), RAM_TAKEN }, RAM_TREE));
	fuzz_assert(ram_take((struct phys_range){ PADDR(RAM_BUNDLE_AT), RAM_TAKEN }, RAM_BUNDLE));
	fuzz_assert(ram_take((struct phys_range){ PADDR(RAM_KEPT_AT), RAM_TAKEN }, RAM_RESERVED));
	fuzz_assert(ram_take((struct phys_range){ PADDR(RAM_NO_MAP_AT), RAM_TAKEN }, RAM_NO_MAP));
}

/* The image of the start command for this place, or something else. */
static size_t grow_at(struct fuzz_input *in, u64 at, u8 *to)
{
	const u64 usual = fuzz_byte(in) & 3 ? at : 0;
	size_t size = 0;
	void *tree;

	if (usual == INITRD_AT) {
		memset(to, 1, 64);
		memcpy(to, "\x1f\x8b\x08", 3);
		return 64;
	}
	if (usual != DTB_AT)
		return grow_image(in, to);
	tree = grow_guest_tree(in, &size);
	if (tree && size)
		memcpy(to, tree, size);
	free(tree);
	return size;
}

static size_t left[ARRAY_SIZE(loaded_at)]; /* how much the previous input left there */

static void load(struct fuzz_input *in)
{
	static u8 image[GROWN_MAX];

	for (u32 i = 0; i < ARRAY_SIZE(loaded_at); i++) {
		u8 *at = phys_to_virt(PADDR(loaded_at[i]));

		memset(at, 0, left[i]);
		left[i] = fuzz_byte(in) & 1 ? grow_at(in, loaded_at[i], image) : 0;
		left[i] = MIN(left[i], (size_t)4096);
		memcpy(at, image, left[i]);
	}
}

/* ---- zvm list ---- */

static void check_types(void)
{
	fuzz_assert(vm_type_count <= MAX_TYPES);
	for (u32 i = 0; i < vm_type_count; i++) {
		const struct vm_type *t = vm_types[i];

		fuzz_check_line(t->desc.label, sizeof(t->desc.label));
		fuzz_check_line(t->file, sizeof(t->file));
		fuzz_check_line(t->error.text, sizeof(t->error.text));
		fuzz_check_line(t->desc.bootargs, sizeof(t->desc.bootargs));
		fuzz_assert(t->valid || t->error.text[0]);
		fuzz_assert(!t->valid || type_find(t->desc.label));
	}
}

static void check_schedule(void)
{
	static u64 copy[KIB(2)];
	struct desc_error err;
	struct cpio_entry e;
	struct schedule s;
	char text[256];
	u32 at = 0;

	if (bundle_find(&the_bundle, SCHEDULE_FILE, &e) || e.size > sizeof(copy))
		return;
	memcpy(copy, e.data, e.size);
	if (schedule_parse(copy, e.size, SCHEDULE_FILE, &s, &err)) {
		fuzz_check_line(err.text, sizeof(err.text));
		return;
	}
	for (const struct schedule_window *w; (w = schedule_next_stray(&s, &at));)
		schedule_stray_text(w, text, sizeof(text));
}

/* ---- zvm new ---- */

/*
 * In place of vmm/memory.c's: the target lies in the VM's RAM, and every page of the source can be
 * read.
 */
int vm_ram_write(struct vm_ram *ram, u64 ipa, const void *src, u64 len)
{
	volatile u8 sum = 0;

	fuzz_assert(!len || ram_map_holds(&ram->map, ipa, len));
	for (u64 i = 0; i < len; i += 512)
		sum = (u8)(sum + ((const u8 *)src)[i]);
	if (len)
		sum = (u8)(sum + ((const u8 *)src)[len - 1]);
	return 0;
}

static bool get(const struct image_ref *ref, const void **data, u64 *size)
{
	*data = NULL;
	*size = 0;
	return (!ref->path[0] && !ref->size) || !image_get(ref, data, size);
}

static void make_tree(const struct vm_desc *d, const struct load_plan *plan, const void *own,
		      u64 own_size, void *buf)
{
	struct guest_fdt_params p = { .desc = d, .plan = plan, .gic_version = d->gic_version };
	const char *why = own ? guest_fdt_adapt(&p, own, own_size, buf, plan->dtb_max) : NULL;
	char note[160], same[160];
	bool noted;

	if (!own || why)
		fuzz_assert(guest_fdt_generate(&p, buf, plan->dtb_max) == 0);
	fuzz_assert(!dt_check(buf, plan->dtb_max, NULL));
	noted = guest_fdt_note(buf, note, sizeof(note));
	if (noted)
		fuzz_check_line(note, sizeof(note));
	if (own && !why)
		return;
	fuzz_assert(guest_bootargs_note(d->bootargs, same, sizeof(same)) == noted);
	fuzz_assert(!noted || !strcmp(same, note));
}

static void create(const struct vm_type *t)
{
	const struct vm_desc *d = &t->desc;
	struct vm_ram ram = { .map = d->ram };
	const void *kernel, *initrd, *own;
	u64 kernel_size, initrd_size, own_size;
	struct desc_error err;
	struct load_plan plan;
	void *buf;

	/* A devicetree is read for its length. The kernel-address of a valid type is RAM. */
	fuzz_assert(get(&d->kernel, &kernel, &kernel_size) && kernel);
	fuzz_assert(get(&d->initrd, &initrd, &initrd_size));
	fuzz_assert(get(&d->devicetree, &own, &own_size));
	fuzz_assert(!own || !dt_check(own, own_size, NULL));
	if (image_plan(d, kernel, kernel_size, initrd_size, own ? dt_length(own) : 0, &plan,
		       &err)) {
		fuzz_check_line(err.text, sizeof(err.text));
		return;
	}
	buf = malloc(plan.dtb_max);
	fuzz_assert(buf);
	make_tree(d, &plan, own, own_size, buf);
	fuzz_assert(!image_load(&plan, &ram, kernel, kernel_size, initrd, buf, dt_length(buf)));
	free(buf);
}

/* ---- the input ---- */

static u8 *make_bundle(struct fuzz_input *in, size_t *size)
{
	static struct archive a;
	u8 *bytes;

	a.size = 0;
	if (fuzz_once_in(in, 32))
		return NULL;
	/*
	 * One archive, or some with zeros between them; cut off, packed or followed by something.
	 */
	for (u32 n = 1 + fuzz_once_in(in, 4); n > 0; n--) {
		grow_archive(in, &a);
		for (u32 zeros = fuzz_byte(in); zeros % 4 == 3 && a.size < sizeof(a.bytes);
		     zeros -= 4)
			a.bytes[a.size++] = 0;
	}
	if (fuzz_once_in(in, 8))
		a.size -= a.size * fuzz_byte(in) / 256;
	if (fuzz_once_in(in, 8) && a.size + 8 < sizeof(a.bytes)) {
		memcpy(a.bytes + (fuzz_byte(in) & 1 ? a.size : 0), "\x1f\x8b\x08\0\0\0\0", 8);
		a.size += 8;
	}
	*size = a.size;
	bytes = malloc(a.size);
	fuzz_assert(bytes || !a.size);
	if (a.size)
		memcpy(bytes, a.bytes, a.size);
	return bytes;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { .at = data, .left = size };
	size_t bundle_size = 0;
	u8 *bytes;

	if (!memory)
		make_memory();
	note_ram();
	memset(vm_types, 0, sizeof(vm_types));
	vm_type_count = 0;
	load(&in);
	bytes = make_bundle(&in, &bundle_size);
	preload_detect();
	bundle_init(bytes, bundle_size);
	bundle_reserve();
	fuzz_check_line(the_bundle.problem, sizeof(the_bundle.problem));
	check_types();
	check_schedule();
	for (u32 i = 0; i < vm_type_count; i++)
		if (vm_types[i]->valid)
			create(vm_types[i]);
	free(bytes);
	return 0;
}
