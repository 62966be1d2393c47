/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Priority inheritance: mutex.c. Checked by tests/system/test_models.py.
 *
 * LOW takes mutex 0, MIDDLE takes 1 and in it 0, HIGH takes 1 or gives up. So HIGH's priority has
 * to reach LOW through MIDDLE.
 *
 * Claims: whenever no operation is under way, an owner is as urgent as its most urgent waiter, and
 * no thread is more urgent than it and its waiters are. No waiter is forgotten.
 */
#define THREADS 3
#define HIGH	0 /* a thread's number is its own priority: 0 is the most urgent */
#define MIDDLE	1
#define LOW	2
#define NOBODY	3
#define NOTHING 2 /* no mutex */
#define ROUNDS	2 /* of LOW and HIGH */

bool pi_lock, wq_lock[2];
byte owner[2] = NOBODY, prio[THREADS], blocked_on[THREADS] = NOTHING;
bool held_list[2]; /* the mutex is in its owner's held_mutexes */
bool waits[THREADS], woken[THREADS];
byte waits_for[THREADS] = NOTHING;
bool gives_up; /* it is on its way from its timeout to abandon() */

inline spin_lock(l)
{
	atomic { !l -> l = true }
}

#define WAITER(m, t) (waits[t] && waits_for[t] == m)
#define BEST(m)                                                                                    \
	(WAITER(m, 0) && (!WAITER(m, 1) || prio[0] <= prio[1]) &&                                  \
			 (!WAITER(m, 2) || prio[0] <= prio[2]) -> 0 :                              \
	 (WAITER(m, 1) && (!WAITER(m, 2) || prio[1] <= prio[2]) -> 1 : (WAITER(m, 2) -> 2 : NOBODY)))

inline inherit(m, t)
{
	if
	:: held_list[m] && owner[m] == t ->
		spin_lock(wq_lock[m]);
		best = BEST(m);
		if
		:: best != NOBODY && prio[best] < wanted -> wanted = prio[best]
		:: else
		fi;
		wq_lock[m] = false
	:: else
	fi
}

/* Under pi_lock. */
inline settle(first)
{
	link = first;
	do
	:: link == NOBODY -> break
	:: else ->
		wanted = link;
		inherit(0, link);
		inherit(1, link);
		if
		:: wanted == prio[link] -> break
		:: else
		fi;
		prio[link] = wanted;
#ifdef MUTATION_ONE_LINK
		break;
#endif
		link = (blocked_on[link] == NOTHING -> NOBODY : owner[blocked_on[link]])
	od
}

inline lock(m, self, may_give_up)
{
	have = true;
	spin_lock(wq_lock[m]);
	if
	:: owner[m] == NOBODY -> owner[m] = self; wq_lock[m] = false
	:: else ->
		wq_lock[m] = false;
		spin_lock(pi_lock);
		spin_lock(wq_lock[m]);
		if
		:: owner[m] == NOBODY ->
			owner[m] = self;
			wq_lock[m] = false;
			pi_lock = false
		:: else ->
			held_list[m] = true;
			blocked_on[self] = m;
			waits_for[self] = m;
			woken[self] = false;
			waits[self] = true;
			wq_lock[m] = false;
			settle(owner[m]);
			pi_lock = false;
			if
			:: woken[self]
			:: may_give_up -> /* its timeout */
				spin_lock(wq_lock[m]);
				atomic { have = !waits[self]; waits[self] = false; gives_up = !have }
				wq_lock[m] = false
			fi;
			if
			:: !have -> /* abandon() */
				spin_lock(pi_lock);
				blocked_on[self] = NOTHING;
#ifndef MUTATION_KEEPS_PRIORITY
				if
				:: held_list[m] -> settle(owner[m])
				:: else
				fi;
#endif
				atomic { pi_lock = false; gives_up = false }
			:: else
			fi
		fi
	fi
}

inline unlock(m, self)
{
	spin_lock(wq_lock[m]);
	assert(owner[m] == self);
	if
#ifdef MUTATION_FAST_FOR_ALL
	:: true ->
#else
	:: !held_list[m] ->
#endif
		owner[m] = NOBODY;
		wq_lock[m] = false
#ifndef MUTATION_FAST_FOR_ALL
	:: else ->
		wq_lock[m] = false;
		spin_lock(pi_lock);
		spin_lock(wq_lock[m]);
		best = BEST(m); /* hand_over_locked() */
		held_list[m] = false;
		owner[m] = best;
		if
		:: best != NOBODY ->
			held_list[m] = true;
			blocked_on[best] = NOTHING;
			waits[best] = false;
			woken[best] = true
		:: else
		fi;
		wq_lock[m] = false;
		settle(self);
		pi_lock = false
#endif
	fi
}

proctype Outer(byte self) /* LOW: mutex 0; HIGH: mutex 1 */
{
	byte best, wanted, link, n;
	bool have;

	do
	:: n < ROUNDS && self == LOW -> lock(0, LOW, false); unlock(0, LOW); n++
	:: n < ROUNDS && self == HIGH ->
		lock(1, HIGH, true);
		if
		:: have -> unlock(1, HIGH)
		:: else
		fi;
		n++
	:: else -> break
	od
}

proctype Middle()
{
	byte best, wanted, link;
	bool have;

	lock(1, MIDDLE, false);
	lock(0, MIDDLE, false);
	unlock(0, MIDDLE);
	unlock(1, MIDDLE)
}

#define AS_URGENT(m)  (owner[m] == NOBODY || BEST(m) == NOBODY || prio[owner[m]] <= prio[BEST(m)])
#define FROM(m, t)    (owner[m] == t && BEST(m) != NOBODY && prio[BEST(m)] == prio[t])
#define JUSTIFIED(t)  (prio[t] == t || FROM(0, t) || FROM(1, t))
#define ALL_JUSTIFIED (JUSTIFIED(LOW) && JUSTIFIED(MIDDLE) && JUSTIFIED(HIGH))

init {
	atomic {
		prio[HIGH] = HIGH;
		prio[MIDDLE] = MIDDLE;
		prio[LOW] = LOW;
		run Outer(LOW);
		run Middle();
		run Outer(HIGH)
	}
	do
	:: atomic { !pi_lock && !wq_lock[0] && !wq_lock[1] && !gives_up &&
		!(AS_URGENT(0) && AS_URGENT(1) && ALL_JUSTIFIED) -> assert(false) }
	:: timeout -> break
	od;
	assert(_nr_pr == 1);
	assert(owner[0] == NOBODY && owner[1] == NOBODY);
	assert(prio[HIGH] == HIGH && prio[MIDDLE] == MIDDLE && prio[LOW] == LOW)
}
