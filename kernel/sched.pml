/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for threads of other CPUs: sched.c, from request() to migrate(). Checked by
 * tests/system/test_models.py.
 *
 * Claims: each wake that is owed arrives once. A thread is in one wake queue at most. Only its home
 * touches a thread. When nothing moves any more, no request is left.
 *
 * What a CPU does with interrupts masked is one option of its process; those of two CPUs interleave.
 */
#define CPUS	2
#define THREADS 2
#define WAKES	1 /* of each thread */
#define MOVES	2 /* changes of affinity, of all threads */
#define IDLE	THREADS
#define BIT(n)	(1 << (n))

#define REQ_WAKE    1
#define REQ_REFRESH 2

mtype = { BLOCKED, READY, RUNNING };

byte home[THREADS], affinity[THREADS] = BIT(0);
byte requests[THREADS];
byte queue[CPUS]; /* who is in it */
byte current[CPUS] = IDLE;
bool ipi[CPUS];
mtype state[THREADS] = BLOCKED;
bool queued[THREADS]; /* in its home's run queue */
bool waits[THREADS] = true; /* waiting_on: who clears it owes a wake */
byte owed[THREADS], had[THREADS], wakes[THREADS], moves;

#define CAN_RUN(t, c) (queued[t] && home[t] == c)

inline push(t)
{
	cpu = home[t];
#ifdef MUTATION_INTERRUPT_FIRST
	first = queue[cpu] == 0;
	if
	:: first -> ipi[cpu] = true
	:: else
	fi;
	atomic {
		assert(!((queue[0] | queue[1]) & BIT(t)));
		queue[cpu] = queue[cpu] | BIT(t)
	}
#else
	atomic {
		assert(!((queue[0] | queue[1]) & BIT(t)));
		first = queue[cpu] == 0;
		queue[cpu] = queue[cpu] | BIT(t)
	}
	if
	:: first -> ipi[cpu] = true
	:: else
	fi
#endif
}

inline request(t, bits)
{
	atomic { before = requests[t]; requests[t] = requests[t] | bits }
#ifdef MUTATION_PUSH_ALWAYS
	push(t)
#else
	if
	:: before == 0 -> push(t)
	:: else
	fi
#endif
}

inline migrate(t)
{
	state[t] = READY;
	if
	:: affinity[t] & BIT(0) -> home[t] = 0
	:: else -> home[t] = 1
	fi;
	request(t, REQ_WAKE)
}

/* May leave for another CPU: the caller does not look at t any more. */
inline make_ready(c, t)
{
	assert(home[t] == c && current[1 - c] != t);
	if
	:: current[c] == t -> state[t] = RUNNING; had[t]++
	:: current[c] != t && (affinity[t] & BIT(c)) ->
		assert(state[t] == BLOCKED || state[t] == READY);
		state[t] = READY;
		queued[t] = true;
		had[t]++
	:: current[c] != t && !(affinity[t] & BIT(c)) -> migrate(t)
	fi
}

inline refresh(c, t)
{
	assert(home[t] == c);
	if
	:: current[c] != t && queued[t] ->
		queued[t] = false;
		had[t]--; /* no wake of its own */
		make_ready(c, t)
	:: else /* current: schedule() comes; blocked: its wake reads the new values */
	fi
}

inline serve(c, t)
{
#ifndef MUTATION_NOT_PASSED_ON
	if
	:: home[t] != c -> push(t)
	:: else ->
#endif
		atomic { bits = requests[t]; requests[t] = 0 }
#ifdef MUTATION_WAKE_FIRST
		if
		:: bits & REQ_WAKE -> make_ready(c, t)
		:: else
		fi;
#endif
		if
		:: bits & REQ_REFRESH -> refresh(c, t)
		:: else
		fi;
#ifndef MUTATION_WAKE_FIRST
		if
		:: bits & REQ_WAKE -> make_ready(c, t)
		:: else
		fi
#endif
#ifndef MUTATION_NOT_PASSED_ON
	fi
#endif
}

inline drain(c)
{
	atomic { drained = queue[c]; queue[c] = 0 }
	n = 0;
	do
	:: n < THREADS && (drained & BIT(n)) -> serve(c, n); n++
	:: n < THREADS && !(drained & BIT(n)) -> n++
	:: n == THREADS -> break
	od;
	n = 0;
	drained = 0
}

inline schedule(c)
{
	drain(c);
	if
	:: current[c] != IDLE && state[current[c]] == BLOCKED -> current[c] = IDLE
	:: current[c] != IDLE && state[current[c]] == RUNNING && !(affinity[current[c]] & BIT(c)) ->
		had[current[c]]--; /* no wake of its own */
#ifdef MUTATION_LEAVES_ITS_STACK
		migrate(current[c]);
		current[c] = IDLE
#else
		leaving = current[c];
		current[c] = IDLE;
		migrate(leaving)
#endif
	:: else
	fi
}

proctype Cpu(byte me)
{
	byte cpu, before, bits, drained, n, who, leaving;
	bool first;

end:	do
	:: ipi[me] -> ipi[me] = false; schedule(me)
	:: atomic { /* a waker that runs here */
		if
		:: waits[0] && wakes[0] < WAKES -> who = 0
		:: waits[1] && wakes[1] < WAKES -> who = 1
		fi;
		waits[who] = false;
		wakes[who]++;
		owed[who]++
	   }
	   if
	   :: home[who] == me -> make_ready(me, who)
	   :: else -> request(who, REQ_WAKE)
	   fi
	:: atomic { moves < MOVES -> moves++;
		if
		:: who = 0
		:: who = 1
		fi;
		affinity[who] = 3 - affinity[who]
	   }
	   if
	   :: home[who] == me -> refresh(me, who); schedule(me)
	   :: else -> request(who, REQ_REFRESH)
	   fi
	:: atomic { current[me] == IDLE && (CAN_RUN(0, me) || CAN_RUN(1, me)) ->
		if
		:: CAN_RUN(0, me) -> current[me] = 0
		:: CAN_RUN(1, me) -> current[me] = 1
		fi;
		queued[current[me]] = false;
		state[current[me]] = RUNNING
	   }
	:: current[me] != IDLE -> /* it blocks: wait_prepare_locked() */
		state[current[me]] = BLOCKED;
		waits[current[me]] = true;
		schedule(me)
	od
}

init {
	atomic { run Cpu(0); run Cpu(1) }
	timeout -> assert(queue[0] == 0 && queue[1] == 0);
	assert(requests[0] == 0 && requests[1] == 0);
	assert(owed[0] == had[0] && owed[1] == had[1])
}
