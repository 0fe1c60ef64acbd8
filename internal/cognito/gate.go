package cognito

import (
	"context"
	"errors"
	"sync"
	"time"
)

var (
	// ErrLate stands under a NotSent whose time was over when the first byte
	// was about to be written.
	ErrLate = errors.New("the token or the deadline was over before the first byte")
	// ErrNoConnection stands under a NotSent whose time ended while a
	// connection was being made.
	ErrNoConnection = errors.New("no connection was ready before the token or the deadline was over")
)

// progress is how far a request has come.
type progress uint8

const (
	held    progress = iota // no byte has left
	leaving                 // a write is under way
	left                    // bytes have left: perhaps sent
	over                    // nothing has left, and nothing will
)

// gate stands between a call and its connection. It decides, once and under
// one lock, whether the first byte may go out, and remembers whether it did:
// what became of a request is read here and not out of error texts.
type gate struct {
	// ctx is the call's; it is cancelled when the gate closes for good, so
	// that nothing goes on looking for connections.
	ctx      context.Context
	cancel   context.CancelFunc
	notAfter time.Time
	// wall is the earlier of both ends by the wall clock: the monotonic one
	// stands still while a machine is suspended, and the code's life does not.
	wall  time.Time
	timer *time.Timer

	mu    sync.Mutex
	state progress
	why   error // of over: which time had ended; nil if none had
}

func newGate(ctx context.Context, notAfter time.Time) *gate {
	g := &gate{notAfter: notAfter, wall: earlier(ctx, notAfter).Round(0)}
	g.ctx, g.cancel = context.WithCancel(ctx)
	if g.late() {
		g.shut(ErrLate)
	}
	// While it waits for a connection nobody asks the gate: it closes itself.
	g.timer = time.AfterFunc(time.Until(notAfter), g.expire)
	return g
}

// open reports whether bytes may be written. The time counts for the first
// alone: half a request helps nobody.
func (g *gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == held {
		g.state = leaving
		if g.late() {
			g.shut(ErrLate)
		}
	}
	return g.state != over
}

func earlier(ctx context.Context, notAfter time.Time) time.Time {
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(notAfter) {
		return deadline
	}
	return notAfter
}

// late compares with the deadline too, since a context ends a little after it.
// A wall clock that is set forward makes a call late that is not, which costs a
// token; one that is set back changes nothing, since the other still counts.
func (g *gate) late() bool {
	now := time.Now()
	deadline, ok := g.ctx.Deadline()
	return g.ctx.Err() != nil || now.After(g.notAfter) || ok && now.After(deadline) || now.After(g.wall)
}

// shut closes the gate for good. The caller holds the lock.
func (g *gate) shut(why error) {
	g.state, g.why = over, why
	g.cancel()
}

// expire is the end of the token's time.
func (g *gate) expire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == held {
		g.shut(ErrNoConnection)
	}
}

// wrote notes how many bytes a write took. None means that the peer cannot
// have read any of the request, in TLS too: a record that is not whole cannot
// be decrypted. Another connection may then be tried.
func (g *gate) wrote(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case n > 0:
		g.state = left
	case g.state == leaving:
		g.state = held
	}
}

// close shuts the gate if nothing has left. It reports whether nothing has,
// and if that is a matter of time, of which.
func (g *gate) close() (unsent bool, why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == held {
		if g.ctx.Err() != nil {
			g.why = ErrNoConnection
		}
		g.shut(g.why)
	}
	return g.state == over, g.why
}

// untouched reports whether a first byte may still go out.
func (g *gate) untouched() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state == held
}

// end frees what the gate holds.
func (g *gate) end() {
	g.timer.Stop()
	g.cancel()
}
