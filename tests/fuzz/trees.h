/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devicetrees by a grammar. A target writes a valid tree, from front to back, as its input chooses.
 * On the way the input adds a fault or two: a property that is missing, exists twice, is too short
 * or too long, or has another value or name; a node that exists twice, is deeper, or has another
 * name.
 */
#ifndef FUZZ_TREES_H
#define FUZZ_TREES_H

#include "fuzz.h"

/* Begin a tree. Its faults are chosen here. */
void tree_open(struct fuzz_input *in);
/* A memory reservation: before the root. */
void tree_reserve(u64 base, u64 size);
/* A node; the root, "", comes first. */
void tree_begin(const char *name);
void tree_end(void);
void tree_put(const char *name, const void *value, size_t len);
void tree_text(const char *name, const char *text);
/* Numbers of so many cells each, in turn: those of addresses and of sizes in reg, and the like. */
void tree_numbers(const char *name, const u32 *cells, u32 kinds, const u64 *numbers, u32 count);
/*
 * End the tree. It is in memory of exactly its size, which the caller frees. NULL: it became too
 * long. Sometimes its bytes are corrupted or cut.
 */
void *tree_close(size_t *size);

#define TREE_NUMBERS(...) (const u64[]){ __VA_ARGS__ }, (u32)(sizeof((u64[]){ __VA_ARGS__ }) / 8)
/* Cells. */
#define tree_cells(name, ...) tree_numbers(name, (const u32[]){ 1 }, 1, TREE_NUMBERS(__VA_ARGS__))
/* Numbers of two cells each. */
#define tree_doubles(name, ...) tree_numbers(name, (const u32[]){ 2 }, 1, TREE_NUMBERS(__VA_ARGS__))
/* A list of strings: a literal with a terminator between two of them. */
#define tree_list(name, literal) tree_put(name, literal, sizeof(literal))

#endif
