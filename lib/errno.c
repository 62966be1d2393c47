/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/errno.h>

char *strerror(int err)
{
	switch (err < 0 ? -err : err) {
	case 0:
		return "success";
	case EPERM:
		return "not allowed in this state";
	case ENOENT:
		return "no such thing";
	case EINTR:
		return "cancelled";
	case EIO:
		return "device failed";
	case ENXIO:
		return "no such device or address";
	case E2BIG:
		return "too large";
	case EAGAIN:
		return "would have to wait";
	case ENOMEM:
		return "out of memory";
	case EFAULT:
		return "address out of bounds";
	case EBUSY:
		return "in use";
	case EEXIST:
		return "exists already";
	case ENODEV:
		return "no such device";
	case EINVAL:
		return "malformed";
	case ENOSPC:
		return "table full";
	case ERANGE:
		return "number out of range";
	case ENOTSUP:
		return "not supported";
	case ETIMEDOUT:
		return "timed out";
	default:
		return "unknown error";
	}
}
