package cognito

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// idleFor is how long a connection may wait for its next call. Load
	// balancers commonly close theirs after 60 s; half of it leaves no race.
	idleFor = 30 * time.Second
	// spares is how many connections Dial keeps ready. AWS allows 30 calls a
	// second, so that hardly more than these begin while one is being dialled.
	spares = 8
)

var errClosed = errors.New("the client is closed")

// conns are the connections to Cognito: idle ones, last used first, and how
// many are being dialled.
type conns struct {
	dialler *dialler
	keep    int

	mu       sync.Mutex
	idle     []*conn
	dialling int
	last     *flight // the dial begun last
	closed   bool
}

// flight is a dial that others may wait for.
type flight struct {
	done chan struct{}
	err  error
}

func newConns(d *dialler, keep int) *conns {
	return &conns{dialler: d, keep: keep}
}

// take returns an idle connection, or dials one.
func (p *conns) take(ctx context.Context) (*conn, error) {
	p.mu.Lock()
	c, closed := p.pop(), p.closed
	p.mu.Unlock()
	switch {
	case closed:
		return nil, errClosed
	case c != nil:
		return c, nil
	}
	return p.dialler.connect(ctx)
}

// pop drops what is too old or was closed by the peer on its way to one that
// can be used.
func (p *conns) pop() *conn {
	p.prune(time.Now())
	if len(p.idle) == 0 {
		return nil
	}
	c := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	return c
}

func (p *conns) prune(now time.Time) {
	good := p.idle[:0]
	for _, c := range p.idle {
		if c.usable(now) {
			good = append(good, c)
		} else {
			c.close()
		}
	}
	clear(p.idle[len(good):])
	p.idle = good
}

// put keeps a connection for the next call, if it can have one.
func (p *conns) put(c *conn) {
	c.fresh, c.idle = false, time.Now()
	p.mu.Lock()
	full := p.closed || len(p.idle) >= p.keep || c.http.Available() == 0
	if !full {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if full {
		c.close()
	}
}

// warm makes sure that a connection is idle. Each caller dials at most one, as
// long as spares are missing; the others wait for the first that succeeds, and
// share its failure.
func (p *conns) warm(ctx context.Context) error {
	f, mine, err := p.wanting()
	switch {
	case err != nil || f == nil:
		return err
	case mine:
		return p.spare(ctx, f)
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wanting returns the dial to wait for, or to make when it is the caller's;
// none when a connection stands ready.
func (p *conns) wanting() (f *flight, mine bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prune(time.Now())
	switch {
	case p.closed:
		return nil, false, errClosed
	case len(p.idle)+p.dialling < min(spares, p.keep):
		p.dialling++
		p.last = &flight{done: make(chan struct{})}
		return p.last, true, nil
	case len(p.idle) > 0:
		return nil, false, nil
	}
	return p.last, false, nil
}

// spare dials one connection and puts it among the idle.
func (p *conns) spare(ctx context.Context, f *flight) error {
	c, err := p.dialler.connect(ctx)
	f.err = err
	if err == nil {
		p.put(c)
	}
	p.mu.Lock()
	p.dialling--
	p.mu.Unlock()
	close(f.done)
	return err
}

// close closes what is idle; what is in use is closed when it is put back.
func (p *conns) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		c.close()
	}
	p.idle = nil
}
