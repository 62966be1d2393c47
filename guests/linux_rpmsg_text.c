/* SPDX-License-Identifier: Apache-2.0 */
#include "linux_rpmsg.h"

static void add(struct text *t, char c)
{
	if (t->length < sizeof(t->data))
		t->data[t->length++] = c;
}

void text_add(struct text *t, const char *string)
{
	while (*string)
		add(t, *string++);
}

void text_number(struct text *t, uint64_t number, uint32_t width)
{
	char digits[20];
	uint32_t count = 0;

	do
		digits[count++] = (char)('0' + number % 10);
	while (number /= 10);
	for (uint32_t i = count; i < width; i++)
		add(t, ' ');
	while (count)
		add(t, digits[--count]);
}

void text_column(struct text *t, const char *string, uint32_t width)
{
	uint32_t length;

	for (length = 0; string[length]; length++)
		add(t, string[length]);
	for (; length < width; length++)
		add(t, ' ');
}

bool text_same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}
