/* SPDX-License-Identifier: Apache-2.0 */
/* The bootargs. */
#ifndef KIT_ARGS_H
#define KIT_ARGS_H

#include "kit/types.h"

/* The text behind word, if text begins with word; else NULL. */
const char *text_after(const char *text, const char *word);

/*
 * The text behind `name` ("storm=") in the devicetree's bootargs, up to their end. NULL: the
 * bootargs lack it, or there is no devicetree.
 */
const char *boot_arg(const char *name);

#endif
