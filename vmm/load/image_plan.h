/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files that plan where images go. */
#ifndef IMAGE_PLAN_H
#define IMAGE_PLAN_H

#include <vmm/load.h>

/* Write the reason to err. Returns -EINVAL. */
int image_refuse(struct desc_error *err, const char *fmt, ...) __printf(2, 3);

/* A VM's images, and the plan in progress. */
struct placing {
	const struct vm_desc *d;
	const void *kernel;
	u64 kernel_size;
	struct load_plan *p;
	struct desc_error *err;
};

/* Find the format, entry and place of the kernel. 0, -EINVAL. */
int image_plan_kernel(const struct placing *w);

#endif
