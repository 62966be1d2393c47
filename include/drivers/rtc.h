/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's real-time clock. */
#ifndef DRIVERS_RTC_H
#define DRIVERS_RTC_H

#include <lib/types.h>

/* Find a PL031 and let host_wall_clock (vmm/dev.h) read it. -ENODEV, -ENOMEM. Boot. */
int __must_check rtc_probe(void);

#endif
