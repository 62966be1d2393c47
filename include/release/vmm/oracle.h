/* SPDX-License-Identifier: Apache-2.0 */
/* No oracle in this build. include/debug/vmm/oracle.h says what it does. */
#ifndef VMM_ORACLE_H
#define VMM_ORACLE_H

#include <lib/types.h>

struct vm_ram;

static inline void oracle_block(struct vm_ram *ram __unused, u64 ipa __unused)
{
}

static inline void oracle_vms(void)
{
}

#endif
