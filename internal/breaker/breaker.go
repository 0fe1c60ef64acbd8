// Package breaker stops a worker from calling a pool that does not answer.
//
// It promises that after ten calls of which half failed, none begins until a
// cool-down is over, and that then three probes decide. The cool-down starts at
// 15 s, doubles with every trip to 5 min, and starts over once the breaker has
// closed. A call counts at the moment of its answer: one that hangs for as long
// as the window is wide counts like any other.
//
// Its weak spot is a permit that is never handed back: while the breaker is
// half-open it keeps a probe's place. So whoever holds one defers [Permit.Unused].
package breaker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/rekeyhq/rekey/internal/reset"
)

const (
	window      = 10 * time.Second
	bucket      = time.Second
	leastCalls  = 10
	probes      = 3
	minCoolDown = 15 * time.Second
	maxCoolDown = 5 * time.Minute
)

var (
	// ErrOpen says that the cool-down is not over.
	ErrOpen = errors.New("the breaker is open")
	// ErrProbing says that as many probes as are allowed are under way.
	ErrProbing = errors.New("the breaker is half-open and its probes are under way")
)

// Options say who wants to know.
type Options struct {
	Log *slog.Logger
	// OnTrip is called after each trip by the goroutine whose answer caused it,
	// with nothing locked: it may take its time.
	OnTrip func(Trip)
}

// Trip is what happened when the breaker opened.
type Trip struct {
	// For is the cool-down.
	For time.Duration
	// Local: every failure was Unavailable. This worker's own network is the
	// likelier fault, so the others should not stop for it.
	Local bool
}

// Breaker is one pool's breaker in one worker.
type Breaker struct {
	pool string
	opts Options

	// mu is held around every call of cb, so that what gobreaker calls back
	// (under a mutex of its own) may use the fields below.
	mu sync.Mutex
	cb *gobreaker.TwoStepCircuitBreaker[struct{}]
	// state is cb's as last seen, era counts its changes: an answer to a call of
	// an earlier era says nothing about this one.
	state gobreaker.State
	era   uint64
	since time.Time
	// life ends with the era, for those who stand in line with a permit.
	life    context.Context
	endLife context.CancelFunc
	// until ends the cool-down. gobreaker's own timeout is fixed, so it is set
	// to nothing and the growing one is a gate in front of it.
	until    time.Time
	coolDown time.Duration
	// lastOther is the bucket of the last failure that was not Unavailable, or -1.
	lastOther int64
	tripped   *Trip
	// changed is closed and made anew when a waiter should look again.
	changed chan struct{}
}

// New returns a closed breaker.
func New(pool string, o Options) *Breaker {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Breaker{pool: pool, opts: o, since: time.Now(), lastOther: -1, changed: make(chan struct{})}
	b.life, b.endLife = context.WithCancel(context.Background())
	b.cb = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: pool, MaxRequests: probes, Interval: window, BucketPeriod: bucket, Timeout: 1,
		ReadyToTrip: readyToTrip, OnStateChange: b.onChange,
		IsSuccessful: isSuccessful, IsExcluded: isExcluded,
	})
	return b
}

// readyToTrip looks at answered calls: Requests has those in flight as well.
func readyToTrip(c gobreaker.Counts) bool {
	answered := c.TotalSuccesses + c.TotalFailures
	return answered >= leastCalls && 2*c.TotalFailures >= answered
}

// onChange is called by gobreaker under its mutex, and so under b.mu.
func (b *Breaker) onChange(_ string, _, to gobreaker.State) {
	now := time.Now()
	b.state, b.era = to, b.era+1
	b.endLife()
	b.life, b.endLife = context.WithCancel(context.Background())
	switch to {
	case gobreaker.StateOpen:
		b.coolDown = min(max(2*b.coolDown, minCoolDown), maxCoolDown)
		b.until = now.Add(b.coolDown)
		b.tripped = &Trip{For: b.coolDown, Local: b.allUnavailable(now)}
	case gobreaker.StateClosed:
		b.coolDown = 0
	}
	b.since, b.lastOther = now, -1
	b.wake()
}

// allUnavailable reports whether the failures that gobreaker still counts were
// all Unavailable. Its buckets begin with the state, and so do these.
func (b *Breaker) allUnavailable(now time.Time) bool {
	return b.lastOther < 0 || b.bucketOf(now)-b.lastOther >= int64(window/bucket)
}

func (b *Breaker) bucketOf(now time.Time) int64 { return int64(now.Sub(b.since) / bucket) }

func (b *Breaker) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// Open reports whether the breaker is anything but closed: cooling down, or
// probing.
func (b *Breaker) Open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state != gobreaker.StateClosed
}

// Allow asks for a permit to make one call.
func (b *Breaker) Allow() (Permit, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Now().Before(b.until) {
		return Permit{}, ErrOpen
	}
	p := &permit{b: b}
	if b.state != gobreaker.StateClosed {
		done, err := b.cb.Allow()
		if err != nil {
			return Permit{}, ErrProbing
		}
		p.probe = done
	}
	p.era, p.life = b.era, b.life
	return Permit{p}, nil
}

// verdict is what an outcome says about the pool; PROTOCOL's column "breaker".
type verdict uint8

const (
	failure verdict = iota
	success
	excluded
)

// verdicts: what is missing is a failure, a forgotten outcome too.
func verdictOf(o reset.Outcome) verdict {
	switch o {
	case reset.Accepted, reset.Refused, reset.Undeliverable, reset.UserLimited:
		return success // the pool answered about this user
	case reset.Throttled, reset.QuotaSpent, reset.NotSent:
		return excluded // the bucket's business, or nobody's
	case reset.Unavailable, reset.Unanswered, reset.Misconfigured:
		return failure
	}
	return failure
}

// outcomeError carries an outcome through gobreaker, which speaks of errors.
type outcomeError reset.Outcome

func (e outcomeError) Error() string { return reset.Outcome(e).String() }

func isSuccessful(err error) bool { return verdictOf(outcomeIn(err)) == success }
func isExcluded(err error) bool   { return verdictOf(outcomeIn(err)) == excluded }

func outcomeIn(err error) reset.Outcome {
	var e outcomeError
	errors.As(err, &e)
	return reset.Outcome(e)
}
