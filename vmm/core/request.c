/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of a guest, or of a crash, for its VM: a mailbox that vCPU 0 empties (tend.c). */
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/cpu.h>

void vm_request(struct vm *vm, enum vm_request req, const char *why)
{
	unsigned long flags = spin_lock_irqsave(&vm->state_wq.lock);
	bool first = vm->request == VM_REQ_NONE;

	if (first) {
		vm->request = req;
		vm->run_allowed = false;
		if (req == VM_REQ_CRASH)
			(void)str_copy(vm->crash, why, sizeof(vm->crash));
		vcpu_wake_tend_locked(vm); /* vCPU 0 may be parked already */
	}
	spin_unlock_irqrestore(&vm->state_wq.lock, flags);
	for (u32 i = 0; first && i < VCPU_PIECE; i++)
		vcpu_pass_stop(vm, i);
}
