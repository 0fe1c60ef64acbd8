package ratelimit

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// question says what to ask Redis for now, if anything: tokens for the whole
// line when none is reserved, or when a batch of them is coming to its end; and
// a token for the head's pool alone when those that are reserved are for others.
func (b *Bucket) question(now time.Time) (question, bool) {
	head := b.head()
	if b.asking || head == nil || now.Before(b.paused) {
		return question{}, false
	}
	if b.expects(head) {
		last := b.reserved[len(b.reserved)-1]
		if !b.batch || last.ready.Sub(now) > ahead {
			return question{}, false
		}
	} else if len(b.reserved) > 0 {
		return question{n: 1, pools: []string{head.pool}, counts: map[string]int{head.pool: 1}}, true
	}
	return b.everybody()
}

// everybody asks for as many tokens as there are waiters without one.
func (b *Bucket) everybody() (question, bool) {
	q := question{counts: map[string]int{}, n: -len(b.reserved)}
	for w := range b.waiters {
		if q.counts[w.pool] == 0 {
			q.pools = append(q.pools, w.pool)
		}
		q.counts[w.pool]++
		q.n++
	}
	return q, q.n > 0
}

// expects reports whether a reservation is for the head's pool.
func (b *Bucket) expects(head *waiter) bool {
	return slices.ContainsFunc(b.reserved, func(r reservation) bool {
		return slices.Contains(r.pools, head.pool)
	})
}

// ask runs the script beside the line. It ends early when everybody has left.
func (b *Bucket) ask(q question) {
	ctx, cancel := context.WithCancel(context.Background())
	b.asking, b.giveUp = true, cancel
	q.gaveUp = b.gaveUp
	go func() {
		defer cancel()
		asked := time.Now()
		a, err := b.takeOrClaim(ctx, q)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.asking = false
		b.hear(asked, q, a, err)
		b.advance()
	}()
}

// takeOrClaim takes. When the bucket holds other numbers, or none, it claims it:
// that is an error if others hold it.
func (b *Bucket) takeOrClaim(ctx context.Context, q question) (answer, error) {
	a, err := b.take(ctx, q)
	if err == nil && a.word == "other" {
		err = b.claim(ctx)
	}
	return a, err
}

// hear makes of the answer what it means for the line. b.mu is held.
func (b *Bucket) hear(asked time.Time, q question, a answer, err error) {
	now := time.Now()
	if err == nil {
		err = b.obey(asked, now, q, a)
	}
	var differs *DiffersError
	switch {
	case err == nil:
		b.recovered()
	case errors.As(err, &differs):
		b.paused = now.Add(min(differs.Left, renewEvery) + time.Millisecond)
	case errors.Is(err, ErrAnswer):
		b.dismiss(err)
	case errors.Is(err, context.Canceled): // everybody had left
	default:
		b.retreat(now, err)
	}
}

func (b *Bucket) obey(asked, now time.Time, q question, a answer) error {
	left := micros(a.end - a.now)
	switch a.word {
	case "taken":
		b.reserve(asked, now, q, a)
	case "hold":
		b.stop("", now.Add(lookAgain(left)))
	case "budget":
		b.paused = now.Add(min(left, slot)) // nothing is expected to end it sooner
	case "ahead":
		b.paused = now.Add(left)
	case "blocked", "other": // the pools are parked below; claimed: ask again
	default:
		return unknown("take", a.word)
	}
	for pool, end := range a.blocks {
		b.stop(pool, now.Add(lookAgain(micros(end-a.now))))
	}
	return nil
}

// reserve puts the tokens before the line.
//
// The script ran at some moment between asked and now, and which one cannot be
// known. A token's instant is therefore taken for as late as it can be when
// somebody waits for it, and for as early as it can be when its age is counted:
// a call leaves within [instant, instant + Life] on Redis's clock however long
// the round trip was, a process that slept through it included. Either end
// alone would shift the calls of a slow round trip against those of a quick
// one, and so push more of them into a second than the bucket gave it.
func (b *Bucket) reserve(asked, now time.Time, q question, a answer) {
	for i, n := range q.gaveUp {
		b.gaveUp[i] -= n
	}
	b.batch = len(a.instants) > 1
	for _, at := range a.instants {
		wait := micros(at - a.now)
		r := reservation{
			token: Token{At: asked.Add(wait), Server: time.UnixMicro(at), taken: time.UnixMicro(a.now)},
			ready: now.Add(wait), pools: q.pools,
		}
		if r.ready.After(r.token.NotAfter()) {
			b.gaveUp[ByRedis]++ // the reply took longer than a token lives
			continue
		}
		b.reserved = append(b.reserved, r)
	}
}

// stop: the pool gets nothing until then; pool "" is everybody. What was
// reserved for it is dropped. b.mu is held.
func (b *Bucket) stop(pool string, until time.Time) {
	if pool == "" {
		b.paused, b.reserved = until, nil
	} else {
		b.parked[pool] = until
	}
}

// retreat: Redis cannot be asked. Nobody gets a token, and nobody is sent away.
func (b *Bucket) retreat(now time.Time, err error) {
	if b.backoff == 0 {
		b.opts.Log.Warn("no tokens: Redis does not answer", "err", err)
	}
	b.reserved = nil
	b.backoff = min(max(2*b.backoff, backoffLeast), backoffMost)
	b.paused = now.Add(b.backoff/2 + rand.N(b.backoff/2))
}

func (b *Bucket) recovered() {
	if b.backoff > 0 {
		b.opts.Log.Info("Redis answers again")
	}
	b.backoff = 0
}

// dismiss sends everybody away with an error that waiting does not mend.
func (b *Bucket) dismiss(err error) {
	for w := range b.waiters {
		b.serve(w, result{err: err})
	}
}
