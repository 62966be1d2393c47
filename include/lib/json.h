/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a string in JSON (RFC 8259), for text from anywhere. Pure. */
#ifndef LIB_JSON_H
#define LIB_JSON_H

#include <lib/printf.h>

/*
 * A stream: text goes into `sink`, in pieces cut anywhere, and comes out at `out` as printable
 * ASCII. Every other character is escaped; a byte that is not UTF-8 becomes U+FFFD.
 */
struct json_text {
	struct print_sink sink;
	struct print_sink *out;
	u8 seq[4]; /* an unfinished character */
	u8 have;   /* bytes of it */
};

void json_text_init(struct json_text *t, struct print_sink *out);
/* End the text: what is unfinished is not UTF-8. */
void json_text_end(struct json_text *t);

#endif
