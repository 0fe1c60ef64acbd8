package ratelimit

import (
	"context"
	"fmt"
	"time"
)

// Block gives the pool no token for that long, in any worker; pool "" holds the
// whole quota. After it the rate starts at a tenth. Of a pool's blocks the one
// that ends last stands; of the quota's the last one.
func (b *Bucket) Block(ctx context.Context, pool string, until time.Duration, why string) error {
	a, err := b.change(ctx, "block", blockField(pool), until.Microseconds(), why)
	if err != nil {
		return err
	}
	if a.word != "blocked" {
		return unknown("change", a.word)
	}
	b.opts.Log.Warn("blocked", "pool", pool, "for", until.String(), "why", why)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stop(pool, time.Now().Add(lookAgain(until)))
	return nil
}

// Unblock ends a block at once, here; other workers see it within ten seconds.
func (b *Bucket) Unblock(ctx context.Context, pool string) error {
	a, err := b.change(ctx, "unblock", blockField(pool))
	if err != nil {
		return err
	}
	if a.word != "unblocked" {
		return unknown("change", a.word)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.parked, pool)
	b.paused = time.Time{}
	b.advance()
	return nil
}

// returnedSpan is how long nobody must have called for an outage to have been
// everybody's. A breaker's shortest cool-down is longer.
const returnedSpan = 10 * time.Second

// Returned says that this worker, which could not reach anybody for a while,
// tries again. If hardly any other called meanwhile the rate starts at a tenth,
// as after a block.
func (b *Bucket) Returned(ctx context.Context) (low bool, err error) {
	a, err := b.change(ctx, "returned", returnedSpan.Microseconds())
	switch {
	case err != nil:
		return false, err
	case a.word == "low", a.word == "known":
		return a.word == "low", nil
	}
	return false, unknown("change", a.word)
}

func blockField(pool string) string {
	if pool == "" {
		return "block"
	}
	return "block:" + pool
}

// lookAgain is how long a worker believes in a block: an operator may lift it,
// and should not wait long for it, while a night's block should cost nothing.
func lookAgain(left time.Duration) time.Duration {
	return min(left, max(time.Second, min(left/8, 10*time.Second)))
}

// DiffersError says that workers with other numbers hold the bucket.
type DiffersError struct {
	Quota string
	// Key is the first key of the file that differs.
	Key, Theirs, Ours string
	// By is the worker that renewed last, Left what is left of its lease.
	By   string
	Left time.Duration
}

// Error implements error.
func (e *DiffersError) Error() string {
	return fmt.Sprintf("quota %s: %s is %s here and %s at worker %s, which holds the bucket: "+
		"this worker stands by until the others have gone", e.Quota, e.Key, e.Ours, e.Theirs, e.By)
}

// same reports whether two errors are about the same difference.
func (e *DiffersError) same(o *DiffersError) bool {
	return e != nil && o != nil && e.Key == o.Key && e.Theirs == o.Theirs
}

// differs finds the key.
func (b *Bucket) differs(theirs, by string, left time.Duration) *DiffersError {
	e := &DiffersError{Quota: b.quota.Name, By: by, Left: left}
	_, their := parseNumbers(theirs)
	keys, ours := parseNumbers(b.quota.numbers())
	for _, e.Key = range keys {
		e.Theirs, e.Ours = their[e.Key], ours[e.Key]
		if e.Theirs != e.Ours {
			return e
		}
	}
	e.Key, e.Theirs, e.Ours = "numbers", theirs, b.quota.numbers()
	return e
}
