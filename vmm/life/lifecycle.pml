/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's calls against the requests of a guest: lifecycle.c, tend.c, vm_request() in
 * vmm/core/request.c, vcpu_pass_stop() and park_while_stopped(). Checked by
 * tests/system/test_models.py.
 *
 * Two vCPUs, and calls in any order, one after the other: vmm_lock() sees to that. A call that is
 * made again because a vCPU waits for a disk is one that waits here; calls in between are not
 * modelled.
 *
 * Claims: no call waits for ever. While a call has the VM halted, no vCPU runs and vCPU 0 does no
 * work of its own. No request is forgotten. A running VM's vCPUs run, and those of others do not.
 */
#define VCPUS	 2
#define CALLS	 4
#define REQUESTS 2

mtype = { CREATED, LOADING, RUNNING, PAUSED, STOPPED };
mtype state = CREATED;
bool locked; /* state_wq.lock */
bool request, run_allowed, operated, exiting, loaded, call_off;
bool parked[VCPUS], waits[VCPUS], kicked[VCPUS], in_guest[VCPUS], ended[VCPUS];
bool works; /* vCPU 0 loads or starts */
byte requests;

inline lock()
{
	atomic { !locked -> locked = true }
}

inline unlock()
{
	locked = false
}

inline wake(v)
{
	waits[v] = false
}

/* vcpu_wake_parked_locked(): on its way to a CPU it is not parked */
inline wake_parked(v)
{
	if
#ifndef MUTATION_WOKEN_STAYS_PARKED
	:: waits[v] -> parked[v] = false
#endif
	:: else
	fi;
	waits[v] = false
}

/* vm_set_loading_locked(), of an image that is to be loaded */
inline load_anew()
{
	state = LOADING;
	loaded = false;
	call_off = false
}

#define ALL_PARKED (parked[0] && parked[1])

/* vcpu_pass_stop(), in pieces of one vCPU */
inline pass_stop(first)
{
	if
	:: first == 0 && !parked[0] -> kicked[0] = true
	:: (first == 1 || parked[0]) && !parked[1] -> kicked[1] = true
	:: else
	fi
}

/* Without the lock, as clearing and copying are. */
inline work()
{
	parked[0] = false;
	unlock();
	works = true;
	assert(!in_guest[0] && !in_guest[1]);
	assert(parked[1] && waits[1]);
	works = false;
	lock()
}

/* vm_tend(): `again` if something was done */
inline tend()
{
	again = false;
	if
#ifdef MUTATION_TENDS_A_TAKEN_VM
	:: !parked[1] -> skip
#else
	:: operated || !parked[1] -> skip
#endif
	:: else ->
		if
		:: request && (state == RUNNING || state == PAUSED) ->
			request = false;
			state = STOPPED;
			again = true;
			if
			:: load_anew() /* it resets, or is restarted */
			:: skip
			fi
		:: state == LOADING && !loaded ->
			again = true;
			work();
			loaded = !call_off /* -EINTR: the call decides what comes next */
		:: state == LOADING && loaded ->
			again = true;
			work();
			if
			:: operated
			:: !operated ->
				request = false;
				state = RUNNING;
				run_allowed = true;
				wake_parked(1) /* its CPU_ON */
			fi
		:: else
		fi
	fi
}

/* park_while_stopped() */
inline park(me)
{
	lock();
	do
	:: exiting || !run_allowed ->
		if
		:: exiting -> unlock(); goto end_of_thread
		:: else
		fi;
		if
		:: !parked[me] ->
			parked[me] = true;
#ifndef MUTATION_STOP_NOT_PASSED_ON
			if
			:: !run_allowed && me == 0 -> pass_stop(1)
			:: else
			fi;
#endif
			if
			:: !run_allowed && ALL_PARKED -> wake(0)
			:: else
			fi
		:: else
		fi;
		again = false;
		if
		:: me == 0 -> tend()
		:: else
		fi;
		if
		:: again
		:: !again ->
			waits[me] = true;
			unlock();
end_parked:		!waits[me];
			lock()
		fi
	:: else -> break
	od;
	parked[me] = false;
	unlock()
}

proctype Vcpu(byte me)
{
	bool again, first;

stop:
	kicked[me] = false;
	park(me);
	in_guest[me] = true;
end_guest:
	if
	:: kicked[me] -> in_guest[me] = false; goto stop
	:: requests < REQUESTS && !kicked[me] -> /* vm_request(), from a trap */
		requests++;
		in_guest[me] = false;
		lock();
		first = !request;
		if
		:: first ->
			request = true;
			run_allowed = false;
			wake(0)
		:: else
		fi;
		unlock();
		if
		:: first -> pass_stop(0)
		:: else
		fi;
		in_guest[me] = true;
		goto end_guest
	fi;
end_of_thread:
	parked[me] = true;
	ended[me] = true
}

inline take()
{
	lock();
	operated = true;
	was = state;
	ends = request && (state == RUNNING || state == PAUSED);
	unlock()
}

inline give_back()
{
	lock();
	operated = false;
#ifndef MUTATION_NOT_WOKEN
	wake(0);
#endif
	unlock()
}

inline halt()
{
	lock();
	run_allowed = false;
	call_off = true;
	unlock();
	kicked[0] = true;
	kicked[1] = true;
#ifndef MUTATION_NO_WAIT
	ALL_PARKED
#else
	skip
#endif
}

inline set_state(to)
{
	lock();
	assert(!works && !in_guest[0] && !in_guest[1]);
	state = to;
	unlock()
}

active proctype Operator()
{
	byte calls;
	mtype was;
	bool ends;

end:	do
	:: calls < CALLS ->
		calls++;
		take();
		if
		:: was == CREATED || was == STOPPED -> /* run */
			lock();
			load_anew();
			unlock()
		:: was == PAUSED -> /* resume */
			lock();
			state = RUNNING;
			run_allowed = !request;
			wake_parked(0);
			wake_parked(1);
			unlock()
		:: was == RUNNING && !ends -> /* pause */
			halt();
			take();
			if
			:: ends
			:: else -> set_state(PAUSED)
			fi
		:: was != CREATED && was != STOPPED -> /* stop -f */
			halt();
			set_state(STOPPED)
		:: true -> /* reset */
			halt();
			lock();
			assert(!works && !in_guest[0] && !in_guest[1]);
			load_anew();
			unlock()
		:: true -> /* delete -f */
			halt();
			assert(!works && !in_guest[0] && !in_guest[1]);
			lock();
			exiting = true;
			wake_parked(0);
			wake_parked(1);
			unlock();
			ended[0] && ended[1];
			break
		fi;
		give_back()
	:: else -> break
	od
}

init {
	atomic { run Vcpu(0); run Vcpu(1) }
	timeout;
	assert(exiting || !request || (state != RUNNING && state != PAUSED));
	assert(exiting || state != LOADING);
	assert(exiting || state != RUNNING || (in_guest[0] && in_guest[1]));
	assert(state == RUNNING || (!in_guest[0] && !in_guest[1]))
}
