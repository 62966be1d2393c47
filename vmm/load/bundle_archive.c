/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bundle as an archive: whether it is valid, where its files are, and what to report if it has
 * none.
 */
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <lib/text.h>
#include <vmm/load.h>

struct bundle the_bundle;

static void __printf(2, 3) problem(struct bundle *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vprint(b->problem, sizeof(b->problem), fmt, ap);
	va_end(ap);
}

/* Report what lies where an archive should begin. */
static void name_start(struct bundle *b)
{
	static const char *const advice[] = {
		[IMAGE_PACKED] = "unpack it, or let tools/run do that",
		[IMAGE_CONTAINER] = "take the ramdisk out of it, or let tools/run do that",
		[IMAGE_ARCHIVE] = "it is cut off, or broken",
		[IMAGE_OTHER] = "make it with cpio -o -H newc",
	};
	const struct image_kind *kind = image_kind_of(b->base, b->size);
	const u64 first = image_le(b->base, 0, (u32)MIN(b->size, 4));

	if (!kind && (first % 65536 == 0x71c7 || first % 65536 == 0xc771))
		problem(b, "the bundle is a cpio archive in the old binary format: make it with "
			   "cpio -o -H newc");
	else if (kind)
		problem(b, "the bundle is %s: %s", kind->name, advice[kind->use]);
	else
		problem(b,
			"the bundle is not a cpio archive (cpio -o -H newc): it has %lu bytes and begins "
			"with 0x%08lx",
			b->size, first);
}

/* Report what is behind the last entry that could be read. */
static void name_rest(struct bundle *b, u64 offset)
{
	const struct image_kind *kind =
		image_kind_of((const u8 *)b->base + offset, b->size - offset);

	if (kind && kind->use != IMAGE_ARCHIVE)
		problem(b, "the bundle is not read beyond byte %lu: that part is %s", offset,
			kind->name);
	else
		problem(b, "the bundle is cut off or broken at byte %lu of %lu", offset, b->size);
}

/*
 * "PREFIX/vms/NAME.dtb": the length of the prefix, with its slash. -1: the path is not of this
 * form.
 */
static int prefix_length(const char *path)
{
	const char *name = path, *folder = path;

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		folder = name;
		name = slash + 1;
	}
	if (name == path || strlen(name) <= 4 || !str_eq(name + strlen(name) - 4, ".dtb") ||
	    !str_starts(folder, "vms/"))
		return -1;
	return (int)(folder - path);
}

/*
 * All files may be below a folder, if the archive was made outside it. The prefix is that of the
 * descriptions nearest to the top.
 */
static int find_prefix(struct bundle *b)
{
	struct cpio_entry e;
	struct cpio c;
	int best = -1;

	cpio_open(&c, b->base, b->size);
	while (cpio_next(&c, &e) > 0) {
		const int length = prefix_length(e.name);

		if (length < 0 || (best >= 0 && length >= best) ||
		    (size_t)length >= sizeof(b->prefix))
			continue;
		best = length;
		memcpy(b->prefix, e.name, (size_t)length);
		b->prefix[length] = '\0';
	}
	return best < 0 ? -ENOENT : 0;
}

/* Report what the archive has instead of descriptions: the file that looks most like one. */
static void name_contents(struct bundle *b)
{
	const char *nearest = NULL, *file = NULL;
	struct cpio_entry e;
	struct cpio c;
	u64 files = 0;

	cpio_open(&c, b->base, b->size);
	while (cpio_next(&c, &e) > 0) {
		if ((e.mode & CPIO_TYPE) != CPIO_REGULAR)
			continue;
		files++;
		file = file ? file : e.name;
		if (!nearest && str_starts(e.name, "vms/"))
			nearest = e.name;
	}
	if (nearest)
		file = nearest;
	if (file)
		problem(b, "the bundle has no vms/NAME.dtb; '%s' is among its %lu files", file,
			files);
	else
		problem(b, "the bundle has no files");
}

void bundle_open(struct bundle *b, const void *base, u64 size)
{
	char real[CPIO_PATH_MAX];
	struct cpio_entry e;
	struct cpio c;
	int more;

	*b = (struct bundle){ .base = base, .size = base ? size : 0 };
	if (!base) {
		problem(b, "there is no bundle: the machine's loader gave no initrd");
		return;
	}
	cpio_open(&c, base, size);
	while ((more = cpio_next(&c, &e)) > 0)
		;
	if (more < 0 && c.offset == 0) {
		name_start(b);
		return;
	}
	/* vms may be a link to the folder of descriptions. */
	if (cpio_real_path(base, size, "vms", real) || str_eq(real, "vms") ||
	    !str_copy(b->folder, real, sizeof(b->folder))) {
		if (find_prefix(b))
			name_contents(b);
		(void)snprintf(b->folder, sizeof(b->folder), "%svms", b->prefix);
	}
	if (more < 0)
		name_rest(b, c.offset);
}

const char *bundle_description(const struct bundle *b, const struct cpio_entry *e)
{
	const size_t folder = strlen(b->folder), len = strlen(e->name);
	const char *name = e->name + folder + 1;
	const u32 type = e->mode & CPIO_TYPE;

	if ((type != CPIO_REGULAR && type != CPIO_LINK) || len < folder + 6 ||
	    memcmp(e->name, b->folder, folder) != 0 || e->name[folder] != '/' ||
	    strchr(name, '/') || !str_eq(e->name + len - 4, ".dtb"))
		return NULL;
	return name;
}

int bundle_find(const struct bundle *b, const char *path, struct cpio_entry *e)
{
	char full[CPIO_PATH_MAX];

	if (!b->base)
		return -ENOENT;
	if ((size_t)snprintf(full, sizeof(full), "%s%s", b->prefix, path) >= sizeof(full))
		return -ERANGE;
	return cpio_find(b->base, b->size, full, e);
}

const char *bundle_error(int err)
{
	if (err == -EIO)
		return "is damaged: its checksum in the archive does not match";
	return err == -ERANGE ? "is behind too many links"
			      : "is not in the bundle, or a link there leads nowhere";
}
