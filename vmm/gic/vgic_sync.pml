/* SPDX-License-Identifier: Apache-2.0 */
/*
 * List registers that another CPU's vCPU has folded: vgic_sync.c, vgic_await.c, and the steps of
 * vgic_flush(), vgic_load() and vgic_put(). Checked by tests/system/test_models.py.
 *
 * Two vCPUs on two CPUs disable and enable an interrupt of each other, which is always pending.
 *
 * Claims: once the write that disables the interrupt is complete, its vCPU's guest does not take
 * it. Two vCPUs that wait for each other both continue. kick.pml shows that no kick is lost.
 */
#define WRITES	 2 /* of each vCPU */
#define SWITCHES 1
#define TAKES	 1 /* interrupts that its guest takes */

bool locked;
bool allowed[2] = true, listed[2], dirty[2] = true, loaded[2], kicked[2];
bool gone[2]; /* the other vCPU has gone on after its disabling write */
byte folds[2];

inline lock()
{
	atomic { !locked -> locked = true }
}

inline unlock()
{
	locked = false
}

/* Two sections: folding, then choosing anew. */
inline flush(me)
{
	lock();
	if
	:: dirty[me] && listed[me] -> listed[me] = false; unlock(); lock()
	:: else
	fi;
	if
	:: dirty[me] ->
		listed[me] = allowed[me];
		folds[me]++;
		dirty[me] = false
	:: else
	fi;
	unlock()
}

inline put(me)
{
	lock();
	listed[me] = false;
	dirty[me] = true;
	loaded[me] = false;
	unlock()
}

inline load(me)
{
	lock();
	loaded[me] = true;
	unlock()
}

inline kick(v)
{
	kicked[v] = true
}

inline sync(me, other)
{
	if
	:: loaded[other] && listed[other] ->
#ifndef MUTATION_FOLDS_LATE
		seen = folds[other];
#endif
		dirty[other] = true;
		unlock();
		kick(other);
#ifdef MUTATION_FOLDS_LATE
		seen = folds[other];
#endif
#ifndef MUTATION_NO_WAIT
		do
#ifdef MUTATION_WAITS_FOR_ABSENT
		:: folds[other] != seen -> break
#else
		:: !loaded[other] || folds[other] != seen -> break
#endif
#ifndef MUTATION_ONLY_WAITS
		:: dirty[me] -> flush(me)
#endif
		od;
#endif
		lock()
	:: else ->
		if
		:: !loaded[other] -> listed[other] = false /* kept registers: vgic_fold_kept() */
		:: else
		fi
	fi
}

proctype Vcpu(byte me)
{
	byte writes, switches, takes, seen;

	load(me);
enter:
	kicked[me] = false;
	flush(me);
end_guest:
	if
	:: kicked[me] -> goto enter
	:: atomic { listed[me] && takes < TAKES -> /* the guest's vector */
		takes++;
		assert(!gone[me]);
		listed[me] = false;
		dirty[me] = true
	   };
	   goto enter
	:: writes < WRITES ->
		writes++;
		lock();
		if
		:: allowed[1 - me] ->
			allowed[1 - me] = false;
			sync(me, 1 - me);
			gone[1 - me] = true;
			unlock()
		:: else ->
			gone[1 - me] = false;
			allowed[1 - me] = true;
			dirty[1 - me] = true;
			unlock();
			kick(1 - me)
		fi;
		goto enter
	:: switches < SWITCHES ->
		switches++;
		put(me);
		if
		:: load(me)
		:: goto end_away
		fi;
		goto enter
	fi;
end_away:
	false
}

init {
	atomic { run Vcpu(0); run Vcpu(1) }
}
