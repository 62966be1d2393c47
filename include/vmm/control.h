/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control ports: a program of a guest asks for what the operator's shell does, for VMs of the types
 * that `control` of its description names (docs/guest-abi.md). One request at a time: a line goes
 * in, its answer comes out, and the next line is taken when the answer is gone. So a guest that
 * floods or does not read waits for itself, and one line and one answer are all that is kept.
 *
 * What is wrong with a line by itself, and requests that come too fast, are answered on the vCPU's
 * thread. Other requests wait for a server, one after the other.
 *
 * A program of the operator's has one too, at a port of the machine, for all VMs (shell/remote.c).
 */
#ifndef VMM_CONTROL_H
#define VMM_CONTROL_H

#include <kernel/spinlock.h>
#include <lib/bucket.h>
#include <lib/list.h>
#include <vmm/desc.h>

#define CONTROL_LINE     256 /* bytes of a request, with its newline */
#define CONTROL_ANSWER   KIB(32)
#define CONTROL_TAG      16 /* bytes of a request's tag, with its '@' */
#define CONTROL_REQUESTS 10 /* that a port may make in a second */

enum control_state {
	CONTROL_LISTENS, /* a line is coming in */
	CONTROL_ASKS,    /* it is complete: it waits for the server, or the server has it */
	CONTROL_ANSWERS, /* the answer is going out */
	CONTROL_LOADS,   /* an image is coming in, then CONTROL_ASKS */
};

struct vm;
struct type_image;

/* A VM that is being loaded, and what is to be said when it is. */
struct control_load {
	u32 vm;
	char name[DESC_NAME_MAX];
	const char *done; /* NULL: it is a new VM */
};

struct control_port {
	struct spinlock lock;
	/* Under the lock; the line, the tag and the answer are the server's in CONTROL_ASKS. */
	enum control_state state;
	bool open;      /* a program of the guest has opened the port */
	bool skips;     /* the line is too long: its rest is dropped */
	bool garbled;   /* it has a byte that is not printable */
	bool forgotten; /* the program that asked is gone: the answer is dropped */
	u32 len;
	char line[CONTROL_LINE];
	char tag[CONTROL_TAG + 1]; /* "@TAG", or empty */
	char *answer;
	u32 answer_len, answer_at; /* answer_at: bytes that the guest has */
	bool overflow;             /* of the answer */
	struct type_image
		*image; /* that the server has asked for; the same rules as for the line */
	u64 got;        /* bytes of it that have come */
	struct bucket bucket;
	u64 requests, errors; /* so far: all, and those whose answer was an error */
	/* Under the lock of the queue of requests. */
	struct list asking; /* in it */
	bool served;        /* the server has the request */
	/* Lifecycle lock. */
	bool orphan; /* its VM is gone: the server frees it */
	void (*wake)(void *arg);
	void *arg;
	/* Constant. */
	const struct vm_desc *rights; /* its type's: what it may control; NULL: the operator's */
	/* The server's own, in CONTROL_ASKS. */
	struct control_load load; /* what the answer waits for; name "": nothing */
	struct list waits;        /* with others that wait */
};

/*
 * A port with these rights, or the operator's (NULL), which has no limit of requests. wake(arg) is
 * called when an answer is ready: thread context, no lock held but the lifecycle lock. NULL: no
 * memory. Thread context.
 */
struct control_port *control_create(const struct vm_desc *rights, void (*wake)(void *arg),
				    void *arg);
/* Its VM goes away. wake() is not called any more. Lifecycle lock held. */
void control_destroy(struct control_port *p);
/* Bytes of the machine's memory that a port has. */
u64 control_memory(void);

/*
 * ---- the guest's side. Any context; each is one section with interrupts masked ----
 *
 * A program has opened or closed the port: what an earlier one began is forgotten. A request that
 * is complete is carried out all the same.
 */
void control_set_open(struct control_port *p, bool open);
/*
 * Take bytes of requests. Returns how many; 0 while an answer is under way. `from` may change
 * meanwhile.
 */
u32 control_put(struct control_port *p, const void *from, u32 len);
/* Copy up to len bytes of the answer. 0: there are none. */
u32 control_get(struct control_port *p, void *to, u32 len);

/*
 * ---- the server's side: one thread ----
 *
 * The next request, which is the server's until control_answer(). NULL: none has come until the
 * deadline, or control_rouse() was called. Thread context.
 */
struct control_port *control_next(u64 deadline);
/* The server has something else to do: let control_next() return. Any context. */
void control_rouse(void);
/* Append to the answer: data lines. */
void control_write(struct control_port *p, const char *s, size_t len);
/*
 * Instead of an answer: "send", and then the guest sends the image. The port comes back from
 * control_next() when the image is complete, or (p->got < its size) will not be, as the program is
 * gone. The server takes the image out of the port then. Otherwise as control_answer().
 */
void control_ask_image(struct control_port *p, struct type_image *image);
/*
 * End the answer: "ok"; or, with an error, nothing but "error: " and that text, as one line. The
 * port may be gone on return. Thread context; takes the lifecycle lock.
 */
void control_answer(struct control_port *p, const char *error);

#endif
