package breaker

import (
	"context"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/rekeyhq/rekey/internal/reset"
)

// Permit allows one call. Its first Done or Unused counts, any further one does
// nothing, so that `defer p.Unused()` covers every way out, a panic too.
type Permit struct{ p *permit }

type permit struct {
	b    *Breaker
	era  uint64
	life context.Context
	// probe reports a half-open breaker's probe. A closed one's permit has none.
	probe func(error)
	spent bool
}

// Life ends when the breaker changes its state. Who stands in line with the
// permit leaves then, hands it back and asks again: the place in the line was
// for a call that may no longer be made.
func (p Permit) Life() context.Context { return p.p.life }

// Stale reports whether the permit's life is over.
func (p Permit) Stale() bool { return p.p.life.Err() != nil }

// Unused hands the permit back: there was no call.
func (p Permit) Unused() { p.Done(reset.NotSent) }

// Done says what became of the call.
func (p Permit) Done(o reset.Outcome) {
	b := p.p.b
	b.mu.Lock()
	if !p.p.spent {
		p.p.spent = true
		p.p.report(o)
	}
	trip := b.tripped
	b.tripped = nil
	b.mu.Unlock()
	if trip != nil {
		b.announce(*trip)
	}
}

// report tells gobreaker. In the closed state the call is counted here, request
// and answer at once: gobreaker puts an answer into the bucket of its request,
// and forgets it if that one is out of the window. A pool that hangs answers
// every call after its deadline of ten seconds, so it would never trip.
func (p *permit) report(o reset.Outcome) {
	b := p.b
	if p.era != b.era {
		return
	}
	if o != reset.Unavailable && verdictOf(o) == failure {
		b.lastOther = b.bucketOf(time.Now())
	}
	if p.probe != nil {
		p.probe(outcomeError(o))
		b.wake() // a place may be free
		return
	}
	if done, err := b.cb.Allow(); err == nil {
		done(outcomeError(o))
	}
}

func (b *Breaker) announce(t Trip) {
	fault := "Cognito"
	if t.Local {
		fault = "connection"
	}
	b.opts.Log.Warn("breaker opened", "for", t.For.String(), "fault", fault)
	if b.opts.OnTrip != nil {
		b.opts.OnTrip(t)
	}
}

// Wait returns when a permit can be had. It takes none, so when many waited the
// next Allow may still find the probes' places taken: wait again.
func (b *Breaker) Wait(ctx context.Context) error {
	for {
		ready, changed, left := b.look()
		if ready {
			return nil
		}
		if err := pause(ctx, changed, left); err != nil {
			return err
		}
	}
}

// look reports whether a permit can be had, else what to wait for: a change, or
// the time that is left of the cool-down if that is what stands in the way.
func (b *Breaker) look() (ready bool, changed <-chan struct{}, left time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if left := time.Until(b.until); left > 0 {
		return false, b.changed, left
	}
	if b.state == gobreaker.StateClosed {
		return true, nil, 0
	}
	if b.state == gobreaker.StateOpen {
		return true, nil, 0 // the next Allow makes it half-open
	}
	c := b.cb.Counts()
	return c.Requests-c.TotalExclusions < probes, b.changed, 0
}

func pause(ctx context.Context, changed <-chan struct{}, left time.Duration) error {
	var over <-chan time.Time
	if left > 0 {
		t := time.NewTimer(left)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
	case <-over:
	}
	return nil
}
