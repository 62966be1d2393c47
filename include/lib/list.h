/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive circular doubly linked list. The caller holds whatever lock guards the list. */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include <lib/types.h>

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name)                          \
	{                                        \
		.next = &(name), .prev = &(name) \
	}

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Insert n before position pos. */
static inline void list_insert_before(struct list *pos, struct list *n)
{
	n->prev = pos->prev;
	n->next = pos;
	pos->prev->next = n;
	pos->prev = n;
}

static inline void list_add_head(struct list *l, struct list *n)
{
	list_insert_before(l->next, n);
}

static inline void list_add_tail(struct list *l, struct list *n)
{
	list_insert_before(l, n);
}

/* Unlink n and leave it initialised (list_empty(n) is true: "on no list"). */
static inline void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

/* Unlink the first node of l, which is not empty. */
static inline struct list *list_pop(struct list *l)
{
	struct list *n = l->next;

	l->next = n->next;
	l->next->prev = l;
	list_init(n);
	return n;
}

/* First node, or NULL. */
static inline struct list *list_first(const struct list *l)
{
	return list_empty(l) ? NULL : l->next;
}

#define list_entry(node, type, member) container_of(node, type, member)

#define list_for_each(pos, head) for (pos = (head)->next; pos != (head); pos = pos->next)

#define list_for_each_entry(e, head, member)                                             \
	for (e = list_entry((head)->next, __typeof__(*e), member); &e->member != (head); \
	     e = list_entry(e->member.next, __typeof__(*e), member))

#endif
