/* SPDX-License-Identifier: Apache-2.0 */
/* The bootargs. */
#ifndef KIT_ARGS_H
#define KIT_ARGS_H

#include "kit/types.h"

/* What follows word, with which text begins; NULL: it does not. */
const char *text_after(const char *text, const char *word);

/* What follows `name` ("storm=") in the devicetree's bootargs, up to their end; NULL: it is not in the devicetree, or there is none. */
const char *boot_arg(const char *name);

#endif
