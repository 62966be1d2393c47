/* SPDX-License-Identifier: Apache-2.0 */
/* The symbol table of an ELF64 file, which may hold anything (System V ABI, chapters 4 and 5). */
#include <lib/string.h>
#include <vmm/load.h>

#define E_SHOFF 40
#define E_SHNUM 60
#define E_SIZE  64

#define SH_TYPE   4
#define SH_OFFSET 24
#define SH_SIZE   32
#define SH_LINK   40
#define SH_LENGTH 64

#define SHT_SYMTAB 2

#define ST_NAME   0
#define ST_INFO   4
#define ST_VALUE  8
#define ST_SIZE   16
#define ST_LENGTH 24

#define STT_NOTYPE 0
#define STT_FUNC   2
/* A label without a size is not named for what is far behind it. */
#define LABEL_BYTES KIB(4)

struct part {
	u64 at, size;
};

/* Where the header of section n is. 0: the file has none. */
static u64 header_of(const void *file, u64 size, u64 n)
{
	const u64 at = image_le(file, E_SHOFF, 8) + n * SH_LENGTH;

	return n < image_le(file, E_SHNUM, 2) && at >= n * SH_LENGTH && at < size &&
			       size - at >= SH_LENGTH
		       ? at
		       : 0;
}

/* The content of the section with that header. False: the file does not hold it. */
static bool content(const void *file, u64 size, u64 header, struct part *p)
{
	p->at = image_le(file, header + SH_OFFSET, 8);
	p->size = image_le(file, header + SH_SIZE, 8);
	return header && p->at <= size && p->size <= size - p->at;
}

/* The symbols, and the text of their names. */
static bool find_tables(const void *file, u64 size, struct part *symbols, struct part *names)
{
	u64 header;

	for (u64 n = 0; (header = header_of(file, size, n)); n++)
		if (image_le(file, header + SH_TYPE, 4) == SHT_SYMTAB)
			return content(file, size, header, symbols) &&
			       content(file, size,
				       header_of(file, size, image_le(file, header + SH_LINK, 4)),
				       names);
	return false;
}

/* Unusual characters become '?'. */
static void copy_name(char *to, u32 room, const char *from, u64 size)
{
	u32 n = 0;

	for (; n + 1 < room && n < size && from[n]; n++) {
		const char c = from[n];
		const bool usual = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
				   (c >= 'a' && c <= 'z') || c == '_' || c == '.' || c == '$';

		to[n] = usual ? c : '?';
	}
	to[n] = '\0';
}

/* The symbol at `at` of the file covers address, *offset bytes behind its beginning. */
static bool covers(const void *file, u64 at, u64 address, u64 *offset)
{
	const u64 type = image_le(file, at + ST_INFO, 1) & 15,
		  size = image_le(file, at + ST_SIZE, 8);

	*offset = address - image_le(file, at + ST_VALUE, 8);
	return (type == STT_FUNC || type == STT_NOTYPE) && *offset < (size ? size : LABEL_BYTES);
}

bool elf_symbol(const void *file, u64 size, u64 address, char name[ELF_SYMBOL], u64 *offset)
{
	struct part symbols, names;
	u64 at, this;
	bool found = false;

	if (size < E_SIZE || !elf_has_magic(file, size) ||
	    !find_tables(file, size, &symbols, &names))
		return false;
	for (at = 0; symbols.size - at >= ST_LENGTH; at += ST_LENGTH) {
		const u64 text = image_le(file, symbols.at + at + ST_NAME, 4);

		if (!covers(file, symbols.at + at, address, &this) || text >= names.size ||
		    (found && this >= *offset))
			continue;
		/* "$x" and similar are no names but marks. */
		if (image_le(file, names.at + text, 1) == '$' ||
		    !image_le(file, names.at + text, 1))
			continue;
		copy_name(name, ELF_SYMBOL, (const char *)file + names.at + text,
			  names.size - text);
		*offset = this;
		found = true;
	}
	return found;
}
