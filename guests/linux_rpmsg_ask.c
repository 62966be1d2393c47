/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to a service, and the first message that comes back. It is sent once: a service that
 * goes away in between gives no answer.
 */
#include "linux_rpmsg.h"

#define ANSWER_MS 5000

static void on_answer(struct rpmsg_endpoint *e, uint32_t src, const void *data, uint32_t length)
{
	struct ask *a = (struct ask *)e;
	const char *text = data;

	(void)src;
	if (!a->sent || a->answered)
		return;
	for (uint32_t i = 0; i < length; i++)
		a->answer[i] = text[i];
	a->length = length;
	a->answered = true;
}

void ask_start(struct ask *a, const struct request *q)
{
	*a = (struct ask){ .endpoint = { .name = q->name, .receive = on_answer },
			   .request = q,
			   .since = host_ticks() };
	rpmsg_add(&host_link, &a->endpoint);
}

bool ask_step(struct ask *a)
{
	const struct request *q = a->request;

	if (!a->sent && a->endpoint.peer != RPMSG_ADDR_ANY) {
		a->sent = rpmsg_send(&host_link, &a->endpoint, q->question, q->length) ==
			  RPMSG_SENT;
		a->since = a->sent ? host_ticks() : a->since;
	}
	return a->answered || host_ticks() - a->since > host_ms(a->sent ? ANSWER_MS : HOST_WAIT_MS);
}

bool ask_report(const struct ask *a, struct text *t)
{
	if (a->answered) {
		for (uint32_t i = 0; i < a->length; i++)
			t->data[t->length++] = a->answer[i];
		text_add(t, "\n");
		return true;
	}
	text_add(t, a->sent ? "rpmsg: no answer from " : "rpmsg: the peer announces no ");
	text_add(t, a->endpoint.name);
	text_add(t, "\n");
	return false;
}

void ask_end(struct ask *a)
{
	rpmsg_remove(&host_link, &a->endpoint);
}
