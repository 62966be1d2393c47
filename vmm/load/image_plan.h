/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that plan where images go share. */
#ifndef IMAGE_PLAN_H
#define IMAGE_PLAN_H

#include <vmm/load.h>

/* Write the reason to err; -EINVAL. */
int image_refuse(struct desc_error *err, const char *fmt, ...) __printf(2, 3);

/* A VM's images, and the plan that is being made. */
struct placing {
	const struct vm_desc *d;
	const void *kernel;
	u64 kernel_size;
	struct load_plan *p;
	struct desc_error *err;
};

/* Format, entry and place of the kernel. 0, -EINVAL. */
int image_plan_kernel(const struct placing *w);

#endif
