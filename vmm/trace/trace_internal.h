/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of trace/. */
#ifndef VMM_TRACE_INTERNAL_H
#define VMM_TRACE_INTERNAL_H

#include <vmm/trace.h>

/* False: the rings do not change any more. Any context. */
bool trace_is_recording(void);
/* The port of the dump, or -1. Any context. */
s32 trace_dump_port(void);
/* Fill in what it knows. */
void trace_dump_look(struct trace_look *look);

#endif
