package ratelimit

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// Run keeps the bucket's numbers this worker's, until ctx ends. While workers
// with others hold it, it says so in the log, and takes over when their lease
// has ended. It returns nil then; before, only for
// what waiting does not mend: an unusable quota, ErrAnswer.
func (b *Bucket) Run(ctx context.Context) error {
	if err := b.quota.Validate(); err != nil {
		return err
	}
	for {
		next := renewEvery
		err := b.claimUntil(ctx)
		var differs *DiffersError
		switch {
		case errors.As(err, &differs):
			next = min(next, differs.Left+time.Millisecond)
		case errors.Is(err, ErrAnswer):
			return err
		case err != nil:
			next = backoffMost // Redis is gone: Wait says so
		}
		if !sleep(ctx, next) {
			return nil
		}
	}
}

// claimUntil claims, and does not wait for the answer when ctx ends: the client
// would, for as long as Redis hangs, and who stops has not that long.
func (b *Bucket) claimUntil(ctx context.Context) error {
	answer := make(chan error, 1)
	go func() { answer <- b.claim(ctx) }()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Standby returns why this worker gets no tokens, if it is because workers with
// other numbers hold the bucket; else nil.
func (b *Bucket) Standby() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.standby == nil {
		return nil
	}
	return b.standby
}

// claim renews the lease. Its error is a *DiffersError when others hold it.
func (b *Bucket) claim(ctx context.Context) error {
	v, err := b.run(ctx, b.scripts.claim, 4, b.quota.numbers(), b.opts.Worker,
		exact(b.quota.Rate()), strconv.Itoa(b.quota.Burst), strconv.Itoa(b.quota.Daily), lease.Microseconds())
	if err != nil {
		return err
	}
	p := parser{script: "claim"}
	word, theirs, by, left := p.text(v[0]), p.text(v[1]), p.text(v[2]), p.number(v[3])
	switch {
	case p.err != nil:
		return p.err
	case word == "ours":
		b.hold(nil)
		return nil
	case word == "other":
		d := b.differs(theirs, by, micros(left))
		b.hold(d)
		return d
	}
	return unknown("claim", word)
}

// hold remembers whose the bucket is, and says when that has changed.
func (b *Bucket) hold(other *DiffersError) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.standby
	b.standby = other
	switch {
	case other != nil && !other.same(was):
		b.opts.Log.Warn("standing by: another worker's file differs", "key", other.Key,
			"theirs", other.Theirs, "ours", other.Ours, "worker", other.By)
	case other == nil && was != nil:
		b.opts.Log.Info("took over: the workers with other numbers have gone")
		b.paused = time.Time{}
		b.advance()
	}
}
