/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of guests for VMs that they control, and the answers (<vmm/control.h>). */
#include <arch/timer.h>
#include <kernel/page.h>
#include <kernel/timeout.h>
#include <kernel/wait.h>
#include <lib/string.h>
#include <lib/utf8.h>
#include <vmm/control.h>
#include <vmm/core.h>
#include <vmm/load.h>

#define PORT_PAGES   ((u32)((sizeof(struct control_port) + PAGE_SIZE - 1) / PAGE_SIZE))
#define ANSWER_PAGES ((u32)(CONTROL_ANSWER / PAGE_SIZE))
#define ERROR_MAX    600 /* bytes of an error's line */
#define PIECE        32U /* bytes of a request that are taken at once */

static const struct rate_limit rate = { .size = CONTROL_REQUESTS, .ms = 1000 };

/* Ports whose requests wait for the server; its lock comes after theirs. */
static struct wait_queue asked = WAIT_QUEUE_INIT(asked, LOCK_WAIT);
static struct list asking = LIST_INIT(asking);
static bool roused; /* the queue's lock */

static u64 now_us(void)
{
	return ticks_to_us(arch_counter());
}

/* ---- life ---- */

static void free_port(struct control_port *p)
{
	if (p->image)
		type_image_free(p->image);
	pages_free(p->answer, ANSWER_PAGES);
	pages_free(p, PORT_PAGES);
}

struct control_port *control_create(const struct vm_desc *rights, void (*wake)(void *arg),
				    void *arg)
{
	struct control_port *p = pages_alloc(PORT_PAGES);

	if (!p)
		return NULL;
	p->answer = pages_alloc(ANSWER_PAGES);
	if (!p->answer) {
		pages_free(p, PORT_PAGES);
		return NULL;
	}
	spin_lock_init(&p->lock, LOCK_CONSOLE);
	list_init(&p->asking);
	list_init(&p->waits);
	if (rights)
		bucket_set(&p->bucket, &rate, 1, now_us());
	p->rights = rights;
	p->wake = wake;
	p->arg = arg;
	return p;
}

void control_destroy(struct control_port *p)
{
	unsigned long flags = spin_lock_irqsave(&asked.lock);
	const bool served = p->served;

	if (!list_empty(&p->asking))
		list_del(&p->asking);
	spin_unlock_irqrestore(&asked.lock, flags);
	p->orphan = true;
	if (!served)
		free_port(p);
}

u64 control_memory(void)
{
	return (PORT_PAGES + ANSWER_PAGES) * PAGE_SIZE;
}

/* ---- answers ---- */

void control_write(struct control_port *p, const char *s, size_t len)
{
	const size_t n = MIN(len, (size_t)(CONTROL_ANSWER - ERROR_MAX) - p->answer_len);

	memcpy(p->answer + p->answer_len, s, n);
	p->answer_len += (u32)n;
	p->overflow |= n < len;
}

static void append(struct control_port *p, const char *text, size_t max)
{
	const size_t n = strnlen(text, max);

	memcpy(p->answer + p->answer_len, text, n);
	p->answer_len += (u32)n;
}

/* Its last line. There is room: control_write() leaves some, and an error is all there is. */
static void end_answer(struct control_port *p, const char *word, const char *error)
{
	append(p, word, 8);
	append(p, *p->tag ? " " : "", 1);
	append(p, p->tag, CONTROL_TAG);
	append(p, error ? ": " : "", 2);
	append(p, error ? error : "", ERROR_MAX - 64);
	append(p, "\n", 1);
}

/* Lock held: the server is to look at it. */
static void ask(struct control_port *p)
{
	unsigned long flags;

	p->state = CONTROL_ASKS;
	flags = spin_lock_irqsave(&asked.lock);
	list_add_tail(&asking, &p->asking);
	wait_wake_all_locked(&asked);
	spin_unlock_irqrestore(&asked.lock, flags);
}

/* Lock held: it goes out, if a program reads it. */
static void send(struct control_port *p)
{
	const bool wanted = p->open && !p->forgotten;

	p->state = wanted ? CONTROL_ANSWERS : CONTROL_LISTENS;
	if (!wanted)
		p->answer_len = 0;
	p->forgotten = !wanted && p->image;
	p->len = 0;
	if (p->forgotten)
		ask(p); /* the image will not come: back to the server */
}

static void refuse(struct control_port *p, const char *error)
{
	p->answer_len = 0;
	p->errors++;
	end_answer(p, "error", error);
	send(p);
}

/* ---- requests, lock held ---- */

/* Move the tag out of the line, which has `len` bytes. False: it is too long. */
static bool take_tag(struct control_port *p, size_t len)
{
	size_t n = 0;

	if (p->line[0] != '@')
		return true;
	while (n < len && p->line[n] != ' ')
		if (++n > CONTROL_TAG)
			return false;
	memcpy(p->tag, p->line, n);
	p->tag[n] = '\0';
	memmove(p->line, p->line + n, len - n + 1);
	return true;
}

/* What is wrong with the line by itself, or with its time. NULL: nothing. */
static const char *problem(struct control_port *p, bool skipped, bool garbled, size_t len)
{
	p->tag[0] = '\0';
	if (skipped)
		return "a request has at most 255 bytes";
	if (garbled)
		return "a request has printable ASCII characters only";
	if (!take_tag(p, len))
		return "a request's tag has at most 15 characters behind the @";
	if (bucket_wait(&p->bucket, now_us()))
		return "too many requests: at most 10 a second";
	return NULL;
}

/* The line has come, without its newline. Empty lines are none. */
static void end_line(struct control_port *p)
{
	const bool skipped = p->skips, garbled = p->garbled;
	const u32 len = p->len;
	const char *wrong;

	p->skips = p->garbled = false;
	p->len = 0;
	p->line[len] = '\0';
	if (!len && !skipped)
		return;
	p->requests++;
	wrong = problem(p, skipped, garbled, len);
	if (wrong) {
		refuse(p, wrong);
		return;
	}
	bucket_take(&p->bucket, 1);
	ask(p);
}

/* More of the image. The last byte makes it a request. */
static u32 take_image(struct control_port *p, const void *from, u32 len)
{
	const u32 n = (u32)MIN((u64)len, p->image->size - p->got);

	memcpy((u8 *)p->image->data + p->got, from, n);
	p->got += n;
	if (p->got == p->image->size)
		ask(p);
	return n;
}

/* Some bytes of a request, few at once as this is a section with interrupts masked. */
static u32 take_line(struct control_port *p, const char *from, u32 len)
{
	u32 n = 0;

	while (n < MIN(len, PIECE)) {
		const char c = from[n++];

		if (c == '\n') {
			end_line(p);
			break;
		}
		p->garbled |= !is_printable(c);
		if (p->len == CONTROL_LINE - 1) {
			p->skips = true;
			p->len = 0;
		}
		p->line[p->len++] = c;
	}
	return n;
}

u32 control_put(struct control_port *p, const void *from, u32 len)
{
	unsigned long flags = spin_lock_irqsave(&p->lock);
	u32 n = 0;

	if (p->state == CONTROL_LISTENS)
		n = take_line(p, from, len);
	else if (p->state == CONTROL_LOADS)
		n = take_image(p, from, len);
	spin_unlock_irqrestore(&p->lock, flags);
	return n;
}

u32 control_get(struct control_port *p, void *to, u32 len)
{
	unsigned long flags = spin_lock_irqsave(&p->lock);
	u32 n = 0;

	if (p->state == CONTROL_ANSWERS) {
		n = MIN(len, p->answer_len - p->answer_at);
		memcpy(to, p->answer + p->answer_at, n);
		p->answer_at += n;
		if (p->answer_at == p->answer_len) {
			p->state = p->image ? CONTROL_LOADS : CONTROL_LISTENS;
			p->answer_len = p->answer_at = 0;
		}
	}
	spin_unlock_irqrestore(&p->lock, flags);
	return n;
}

void control_set_open(struct control_port *p, bool open)
{
	unsigned long flags = spin_lock_irqsave(&p->lock);

	p->open = open;
	if (p->state == CONTROL_ASKS) {
		p->forgotten = true;
	} else {
		p->state = CONTROL_LISTENS;
		p->len = p->answer_len = p->answer_at = 0;
		p->skips = p->garbled = false;
		if (p->image) { /* the server gives its memory back */
			p->forgotten = true;
			ask(p);
		}
	}
	spin_unlock_irqrestore(&p->lock, flags);
}

/* ---- the server ---- */

static struct control_port *take_next(void)
{
	struct control_port *p;

	if (list_empty(&asking))
		return NULL;
	p = container_of(list_pop(&asking), struct control_port, asking);
	p->served = true;
	return p;
}

struct control_port *control_next(u64 deadline)
{
	unsigned long flags = spin_lock_irqsave(&asked.lock);
	struct control_port *p = take_next();

	if (!p && !roused && arch_counter() < deadline) {
		(void)wait_block_locked(&asked, flags, deadline);
		flags = spin_lock_irqsave(&asked.lock);
		p = take_next();
	}
	roused = false;
	spin_unlock_irqrestore(&asked.lock, flags);
	return p;
}

void control_rouse(void)
{
	unsigned long flags = spin_lock_irqsave(&asked.lock);

	roused = true;
	wait_wake_all_locked(&asked);
	spin_unlock_irqrestore(&asked.lock, flags);
}

static void deliver(struct control_port *p)
{
	unsigned long flags = spin_lock_irqsave(&asked.lock);

	p->served = false;
	spin_unlock_irqrestore(&asked.lock, flags);
	flags = spin_lock_irqsave(&p->lock);
	send(p);
	spin_unlock_irqrestore(&p->lock, flags);
	p->wake(p->arg);
}

/* The VM, whose device is woken, stays meanwhile. */
static void give_back(struct control_port *p)
{
	vmm_lock();
	if (p->orphan)
		free_port(p);
	else
		deliver(p);
	vmm_unlock();
}

void control_ask_image(struct control_port *p, struct type_image *image)
{
	p->image = image;
	p->got = 0;
	end_answer(p, "send", NULL);
	give_back(p);
}

void control_answer(struct control_port *p, const char *error)
{
	u32 last;

	if (!error && p->overflow)
		error = "the answer is longer than 32 KiB";
	p->overflow = false;
	if (error) {
		p->answer_len = 0;
		p->errors++;
	}
	last = p->answer_len;
	end_answer(p, error ? "error" : "ok", error);
	p->answer[p->answer_len - 1] = '\0';
	utf8_clean(p->answer + last); /* an error may name what the guest wrote */
	p->answer[p->answer_len - 1] = '\n';
	give_back(p);
}
