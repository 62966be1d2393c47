/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small objects: pages cut into objects of one size class. A page with a free object is in its
 * class's list. A page whose objects are all free goes back to the page allocator at once, so no
 * page is kept when everything was freed.
 */
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/spinlock.h>
#include <lib/list.h>
#include <lib/string.h>

/* At the start of each page of objects. */
struct slab {
	struct list node;  /* in its class's list; on no list while the slab is full */
	struct free *free; /* first free object */
	u32 used;
} __aligned(64);

struct free {
	struct free *next;
};

/* Multiples of 16, chosen so that little of a page is left over beside the header. */
static const u16 sizes[] = { 32, 64, 128, 256, 576, 1008, 2016 };

#define CLASSES ARRAY_SIZE(sizes)

static struct list classes[CLASSES];
static struct spinlock alloc_lock = SPINLOCK_INIT(LOCK_ALLOC);

/* The smallest class that holds `size`. CLASSES: no class does. */
static size_t class_of(size_t size)
{
	size_t c = 0;

	while (c < CLASSES && size > sizes[c])
		c++;
	return c;
}

static struct slab *slab_of(void *object)
{
	return (struct slab *)(void *)((char *)object - (uintptr_t)object % PAGE_SIZE);
}

static struct slab *slab_create(size_t size)
{
	char *page = page_alloc();
	struct slab *s = (struct slab *)(void *)page;

	if (!s)
		return NULL;
	/* From the last to the first, so that the lowest object is handed out first. */
	for (size_t n = (PAGE_SIZE - sizeof(*s)) / size; n-- > 0;) {
		struct free *f = (struct free *)(void *)(page + sizeof(*s) + n * size);

		f->next = s->free;
		s->free = f;
	}
	return s;
}

/* Take an object from a slab of class c. NULL if all slabs are full. Called under alloc_lock. */
static void *take_object(size_t c)
{
	struct list *first;
	struct slab *s;
	struct free *f;

	if (!classes[c].next)
		list_init(&classes[c]);
	first = list_first(&classes[c]);
	if (!first)
		return NULL;
	s = list_entry(first, struct slab, node);
	f = s->free;
	s->free = f->next;
	s->used++;
	if (!s->free)
		list_del(&s->node);
	return f;
}

static void *class_alloc(size_t c)
{
	unsigned long flags = spin_lock_irqsave(&alloc_lock);
	void *object = take_object(c);
	struct slab *s;

	spin_unlock_irqrestore(&alloc_lock, flags);
	if (object)
		return object;
	s = slab_create(sizes[c]); /* outside the lock: it zeroes a page */
	if (!s)
		return NULL;
	flags = spin_lock_irqsave(&alloc_lock);
	list_add_head(&classes[c], &s->node);
	object = take_object(c);
	spin_unlock_irqrestore(&alloc_lock, flags);
	return object;
}

void *kzalloc(size_t size)
{
	size_t c = class_of(size);
	void *object;

	if (c == CLASSES)
		return size <= PAGE_SIZE ? page_alloc() : NULL;
	object = class_alloc(c);
	if (object)
		memset(object, 0, sizes[c]);
	return object;
}

void kfree(void *p, size_t size)
{
	size_t c = class_of(size);
	struct free *f = p;
	struct slab *s;
	unsigned long flags;
	bool empty;

	if (!p)
		return;
	if (c == CLASSES) {
		page_free(p);
		return;
	}
	s = slab_of(p);
	flags = spin_lock_irqsave(&alloc_lock);
	kassert(s->used);
	if (!s->free) /* the slab was full */
		list_add_head(&classes[c], &s->node);
	f->next = s->free;
	s->free = f;
	empty = --s->used == 0;
	if (empty)
		list_del(&s->node);
	spin_unlock_irqrestore(&alloc_lock, flags);
	if (empty)
		page_free(s);
}
