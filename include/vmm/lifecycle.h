/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of the life of a VM: vm.c (create, delete, look-up), lifecycle.c (run states), vcpu.c. */
#ifndef VMM_LIFECYCLE_H
#define VMM_LIFECYCLE_H

#include <vmm/vm.h>

extern const struct thread_hooks vcpu_hooks;

/* A vCPU thread's entry; arg is the struct vcpu. */
void vcpu_main(void *arg);

/* Copy the images and the devicetree into the VM's RAM, which is clear. Lifecycle lock held. */
int __must_check vm_load_images(struct vm *vm, struct vm_error *err);

/* Stop all vCPUs where they are and wait until none runs guest code. Lifecycle lock held. */
void vm_halt(struct vm *vm);

/* Set the explanation of a failed call and return its errno. */
int vm_fail(struct vm_error *err, int code, const char *fmt, ...) __printf(3, 4);

#endif
