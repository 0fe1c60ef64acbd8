package ratelimit

import (
	"container/list"
	"context"
	"slices"
	"time"
)

const (
	// ahead: at high rates, where one script takes tokens for several waiters,
	// the next ones are asked for while the last ones are still being waited
	// for. Else every round trip would cost its length of the rate.
	ahead        = 25 * time.Millisecond
	backoffLeast = 50 * time.Millisecond
	backoffMost  = 2 * time.Second
)

// line is where a worker's handlers stand: urgent ones first, else in the order
// of their coming. It has no goroutine of its own. Whatever happens (somebody
// comes or goes, a script answers, a time is reached) calls advance.
type line struct {
	urgent, normal list.List // of *waiter
	// parked pools are blocked; their waiters keep their places, and are passed
	// over until this worker believes that it is worth asking again.
	parked map[string]time.Time
	// paused: Redis is not asked before it. A hold, a spent budget, Redis gone.
	paused  time.Time
	backoff time.Duration
	// reserved are the tokens that wait for their instants, in order.
	reserved []reservation
	batch    bool // the last take brought more than one
	asking   bool
	giveUp   context.CancelFunc // of the take under way
	timer    *time.Timer
}

// reservation is a token on its way to the head of the line.
type reservation struct {
	token Token
	// ready is the token's instant at the latest that it can be on this worker's
	// clock: before it nobody gets the token.
	ready time.Time
	// pools were asked for: the token is for their waiters only.
	pools []string
}

type waiter struct {
	pool   string
	urgent bool
	place  *list.Element
	result chan result // of one
}

type result struct {
	token Token
	err   error
}

// Wait stands in line until it is the pool's turn, and returns at the token's
// instant. Urgent goes first. While the pool or the quota is blocked, the
// budget spent, or Redis gone, it waits; only ctx ends that.
func (b *Bucket) Wait(ctx context.Context, pool string, urgent bool) (Token, error) {
	if err := ctx.Err(); err != nil {
		return Token{}, err
	}
	if err := b.quota.Validate(); err != nil {
		return Token{}, err
	}
	w := b.join(pool, urgent)
	select {
	case r := <-w.result:
		return r.token, r.err
	case <-ctx.Done():
		b.leave(w)
		return Token{}, ctx.Err()
	}
}

func (b *Bucket) join(pool string, urgent bool) *waiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := &waiter{pool: pool, urgent: urgent, result: make(chan result, 1)}
	w.place = b.lane(urgent).PushBack(w)
	b.advance()
	return w
}

// leave takes the waiter out. If it was given a token at the same moment, the
// token goes to the next one, as long as it is good.
func (b *Bucket) leave(w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lane(w.urgent).Remove(w.place)
	select {
	case r := <-w.result:
		if r.err == nil {
			back := reservation{token: r.token, ready: r.token.At, pools: []string{w.pool}}
			b.reserved = slices.Insert(b.reserved, 0, back)
		}
	default:
	}
	b.advance()
}

func (l *line) lane(urgent bool) *list.List {
	if urgent {
		return &l.urgent
	}
	return &l.normal
}

// waiters goes over the line, from its head, without those that are parked.
func (l *line) waiters(yield func(*waiter) bool) {
	for _, lane := range []*list.List{&l.urgent, &l.normal} {
		for e := lane.Front(); e != nil; {
			w := e.Value.(*waiter)
			e = e.Next() // yield may remove w
			if _, parked := l.parked[w.pool]; !parked && !yield(w) {
				return
			}
		}
	}
}

// first returns the first waiter that may have a token for these pools.
func (l *line) first(pools []string) *waiter {
	for w := range l.waiters {
		if slices.Contains(pools, w.pool) {
			return w
		}
	}
	return nil
}

func (l *line) head() *waiter {
	for w := range l.waiters {
		return w
	}
	return nil
}

func (l *line) empty() bool { return l.urgent.Len()+l.normal.Len() == 0 }

func (l *line) serve(w *waiter, r result) {
	l.lane(w.urgent).Remove(w.place)
	w.result <- r
}

// advance does what is due now, and sees to it that it is called again when
// something else is. b.mu is held.
func (b *Bucket) advance() {
	now := time.Now()
	for pool, until := range b.parked {
		if !now.Before(until) {
			delete(b.parked, pool)
		}
	}
	b.handOut(now)
	if b.empty() {
		b.rest()
		return
	}
	if q, ok := b.question(now); ok {
		b.ask(q)
	}
	b.wakeAt(b.next(now))
}

// handOut gives tokens whose instant has come, and drops those that are over.
func (b *Bucket) handOut(now time.Time) {
	kept := b.reserved[:0]
	for _, r := range b.reserved {
		if now.After(r.token.NotAfter()) {
			continue
		}
		w := b.first(r.pools)
		if w == nil || now.Before(r.ready) {
			kept = append(kept, r)
			continue
		}
		b.serve(w, result{token: r.token})
	}
	clear(b.reserved[len(kept):])
	b.reserved = kept
}

// rest: nobody waits, so nothing is due.
func (b *Bucket) rest() {
	if b.timer != nil {
		b.timer.Stop()
	}
	if b.asking {
		b.giveUp()
	}
}

// next is when something will be due: a token, a pool's return, the pause's end.
func (b *Bucket) next(now time.Time) time.Time {
	var next time.Time
	sooner := func(t time.Time) {
		if t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	sooner(b.paused)
	for _, until := range b.parked {
		sooner(until)
	}
	for _, r := range b.reserved {
		sooner(r.ready)
		sooner(r.token.NotAfter().Add(1))
	}
	if n := len(b.reserved); n > 0 {
		sooner(b.reserved[n-1].ready.Add(-ahead))
	}
	return next
}

func (b *Bucket) wakeAt(t time.Time) {
	switch {
	case t.IsZero():
	case b.timer == nil:
		b.timer = time.AfterFunc(time.Until(t), b.tick)
	default:
		b.timer.Reset(time.Until(t))
	}
}

func (b *Bucket) tick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance()
}
