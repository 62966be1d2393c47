/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kick of a vCPU against its way to its guest, into a WFI and off its CPU: kick.c, vmm_wfi() in
 * vmm/cpu/vcpu.c, thread_set_work() and switch_to() of the kernel. Checked by
 * tests/system/test_models.py.
 *
 * Claim: no kick is lost. When nothing moves any more, the vCPU has taken all its work.
 *
 * Each CPU has a store buffer of one entry, as its loads may overtake its stores. A fence waits
 * until it is empty.
 */
#define KICKS 2
#define MOVES 5 /* of the guest, until it stays where it is */

mtype = { NOTHING, IN_WFI, CURRENT, WORK };
mtype = { NONE, PERMIT, WAITING };

bool in_wfi, current = true, work; /* memory: `current` says that the vCPU is its CPU's thread */
mtype park = NONE;
bool ready, ipi;

typedef buffer {
	mtype name = NOTHING;
	bool value
};
buffer store[2]; /* of the vCPU's CPU, of the kicker's CPU */

inline write(cpu, what, to)
{
	atomic { store[cpu].name == NOTHING -> store[cpu].name = what; store[cpu].value = to }
}

inline fence(cpu)
{
	store[cpu].name == NOTHING
}

active proctype Memory()
{
end:	do
	:: atomic { store[0].name == IN_WFI -> in_wfi = store[0].value; store[0].name = NOTHING }
	:: atomic { store[0].name == CURRENT -> current = store[0].value; store[0].name = NOTHING }
	:: atomic { store[1].name == WORK -> work = true; store[1].name = NOTHING }
	od
}

/* With interrupts masked, except in the guest and where it is off its CPU. */
active proctype Vcpu()
{
	byte moves;

enter:	/* sched_exit_work(), after which an interrupt is taken at the guest's first instruction */
	if
	:: atomic { work -> work = false }
	:: else
	fi;
end_guest:
	if
	:: atomic { ipi -> ipi = false }; goto enter
	:: moves < MOVES -> moves++; goto wait /* the guest's WFI */
	:: moves < MOVES -> moves++; goto preempted
	fi;
preempted:
	write(0, CURRENT, false);
	fence(0); /* another thread runs meanwhile */
	write(0, CURRENT, true);
#ifndef MUTATION_SWITCH_FENCE
	fence(0);
#endif
	goto enter;
wait:
	if
	:: work -> goto enter
	:: else
	fi;
	if
	:: true -> /* no other thread is ready: it waits in place, as the current thread */
end_place:	if
		:: atomic { ipi -> ipi = false }; goto wait
		fi
	:: true -> goto block
	fi;
block:	/* wfi_block() */
	write(0, IN_WFI, true);
#ifndef MUTATION_WFI_FENCE
	fence(0);
#endif
	if
	:: work -> goto out
	:: else
	fi;
	/* thread_park(): the exchanges are of one memory */
	fence(0);
	if
	:: atomic { park == PERMIT -> park = WAITING }
	:: atomic { park != PERMIT -> park = WAITING };
		write(0, CURRENT, false);
		fence(0);
end_parked:	ready;
		ready = false;
		write(0, CURRENT, true);
		fence(0)
	fi;
	park = NONE;
out:
	write(0, IN_WFI, false);
	/*
	 * The fence of wfi_block(). Without it a kicker may still see in_wfi when the vCPU is in
	 * its guest, and give a permit instead of an interrupt.
	 */
#ifndef MUTATION_AWAKE_FENCE
	fence(0);
#endif
	goto wait
}

active proctype Kicker()
{
	byte n;

	do
	:: n < KICKS ->
#ifdef MUTATION_LOOK_FIRST
		bool waits = in_wfi;
		write(1, WORK, true);
		fence(1);
#else
		bool waits;
		write(1, WORK, true);
#ifndef MUTATION_KICK_FENCE
		fence(1);
#endif
		waits = in_wfi;
#endif
		if
		:: waits -> /* thread_unpark() */
			if
			:: atomic { park == WAITING -> park = PERMIT }; ready = true
			:: atomic { park != WAITING -> park = PERMIT }
			fi
		:: !waits && current -> ipi = true
		:: !waits && !current
		fi;
		n++
	:: else -> break
	od
}

active proctype Watch()
{
	timeout -> assert(!work)
}
