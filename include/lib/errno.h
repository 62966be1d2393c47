/* SPDX-License-Identifier: Apache-2.0 */
/* Error numbers inside kernel and vmm; returned negative. Never shown to a guest. */
#ifndef LIB_ERRNO_H
#define LIB_ERRNO_H

enum {
	EPERM = 1,      /* the state of the object forbids it */
	ENOENT = 2,     /* no such thing */
	EINTR = 4,      /* cancelled */
	EIO = 5,        /* a device failed */
	ENXIO = 6,      /* no such device or address */
	E2BIG = 7,      /* too large */
	EAGAIN = 11,    /* would have to wait */
	ENOMEM = 12,    /* no memory */
	EFAULT = 14,    /* address outside the object */
	EBUSY = 16,     /* in use */
	EEXIST = 17,    /* exists already */
	ENODEV = 19,    /* the machine has none */
	EINVAL = 22,    /* malformed */
	ENOSPC = 28,    /* a fixed table is full */
	ERANGE = 34,    /* number out of range */
	ENOTSUP = 95,   /* not supported here */
	ETIMEDOUT = 110 /* deadline passed */
};

/*
 * The text of an errno (positive or negative). The caller must not write to it; the type is ISO
 * C's, so that hosts agree. Any context.
 */
char *strerror(int err);

#endif
