/* SPDX-License-Identifier: Apache-2.0 */
/* Frames as lists of pieces, and Internet checksums (RFC 1071) over them. */
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/net.h>

u64 net_mac(const u8 *bytes)
{
	u32 high;
	u16 low;

	__builtin_memcpy(&high, bytes, 4);
	__builtin_memcpy(&low, bytes + 4, 2);
	return (u64)__builtin_bswap32(high) << 16 | __builtin_bswap16(low);
}

const char *net_mac_text(u64 mac, char *buf)
{
	(void)snprintf(buf, NET_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", (u8)(mac >> 40),
		       (u8)(mac >> 32), (u8)(mac >> 24), (u8)(mac >> 16), (u8)(mac >> 8), (u8)mac);
	return buf;
}

static u64 hash_text(u64 hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (u8)*text) * 0x100000001b3ULL; /* FNV-1a */
	return hash;
}

/* Locally administered (bit 1 of the first byte), of one station. */
u64 net_mac_of_name(const char *vm, const char *device)
{
	u64 hash = hash_text(hash_text(hash_text(0xcbf29ce484222325ULL, vm), "/"), device);

	hash ^= hash >> 40;
	return 0x020000000000ULL | (hash & 0xffffffffffULL);
}

bool net_frame_add(struct net_frame *f, const void *at, u32 len)
{
	if (f->count == NET_PIECES)
		return false;
	f->pieces[f->count++] = (struct net_piece){ at, len };
	f->len += len;
	return true;
}

void net_frame_copy(const struct net_frame *f, void *to)
{
	u8 *at = to;

	for (u32 i = 0; i < f->count; i++) {
		memcpy(at, f->pieces[i].at, f->pieces[i].len);
		at += f->pieces[i].len;
	}
}

/* ---- checksums ---- */

/* Add bytes in the order of memory. odd: the first one is the second of a pair. */
static u64 add_bytes(u64 sum, const u8 *at, u32 len, bool odd)
{
	u64 part = 0, word;
	u32 half;

	for (; len >= 8; at += 8, len -= 8) {
		memcpy(&word, at, 8);
		part += word;
		part += part < word; /* end-around carry */
	}
	part = (part & 0xffffffff) + (part >> 32);
	for (; len >= 4; at += 4, len -= 4) {
		memcpy(&half, at, 4);
		part += half;
	}
	for (u32 i = 0; i < len; i++)
		part += (u64)at[i] << 8 * (i & 1);
	while (part >> 16)
		part = (part & 0xffff) + (part >> 16);
	if (odd)
		part = (part >> 8 | part << 8) & 0xffff;
	return sum + part;
}

/* The checksum of [start, len), its two bytes in the order of memory. */
static u16 sum_from(const struct net_frame *f, u32 start)
{
	u32 at = 0;
	u64 sum = 0;

	for (u32 i = 0; i < f->count; at += f->pieces[i].len, i++) {
		const struct net_piece *p = &f->pieces[i];
		const u32 skip = start > at ? MIN(start - at, p->len) : 0;

		if (skip < p->len)
			sum = add_bytes(sum, p->at + skip, p->len - skip, (at + skip - start) & 1);
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? 0xffff : (u16)~sum; /* 0 means in UDP that there is none */
}

/* Put a cut at a byte of the frame: the number of the piece that begins there. */
static u32 cut(struct net_frame *f, u32 where)
{
	u32 at = 0, i = 0;

	while (at + f->pieces[i].len <= where)
		at += f->pieces[i++].len;
	if (at == where)
		return i;
	for (u32 n = f->count++; n > i; n--)
		f->pieces[n] = f->pieces[n - 1];
	f->pieces[i].len = where - at;
	f->pieces[i + 1].at += where - at;
	f->pieces[i + 1].len -= where - at;
	return i + 1;
}

void net_frame_sum(struct net_frame *f)
{
	const u16 sum = sum_from(f, f->sum_start);
	const u32 field = (u32)f->sum_start + f->sum_offset;
	u32 first, last;

	memcpy(f->sum, &sum, sizeof(f->sum));
	f->has_sum = false;
	first = cut(f, field);
	last = field + 2 < f->len ? cut(f, field + 2) : f->count;
	f->pieces[first] = (struct net_piece){ f->sum, sizeof(f->sum) };
	for (u32 n = last; n < f->count; n++)
		f->pieces[first + 1 + n - last] = f->pieces[n];
	f->count -= last - first - 1;
}
