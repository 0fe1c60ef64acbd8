package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// proxy is one worker's way to Redis or to the twin. It can be cut, slow, or
// lose the answers, and it notes when each of the worker's calls left.
type proxy struct {
	ln      net.Listener
	network string // where it leads to
	address string

	mu    sync.Mutex
	mood  mood
	links map[*link]bool
	calls []time.Time
}

// mood is how a way behaves now. The zero value passes everything on.
type mood struct {
	// refuse ends every connection as soon as it is made.
	refuse bool
	// deaf loses what comes back, while what goes there arrives.
	deaf bool
	// late is added to each piece, both ways.
	late time.Duration
	// hold keeps what comes back until it is closed. Answers of the bucket pass:
	// in a Cluster it may be on another node than the ledger.
	hold <-chan struct{}
}

// bucketKey stands in every command that asks for tokens.
var bucketKey = []byte("}:bucket")

// newProxy listens on a unix socket, or on a free port of 127.0.0.1, and leads
// to the address.
func newProxy(t testing.TB, listen, on, network, address string) *proxy {
	t.Helper()
	ln, err := net.Listen(listen, on)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{ln: ln, network: network, address: address, links: map[*link]bool{}}
	go p.accept()
	t.Cleanup(func() {
		_ = ln.Close()
		p.cut()
	})
	return p
}

func (p *proxy) accept() {
	for {
		c, err := p.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go p.lead(c)
		}
	}
}

// set changes how the way behaves from now on.
func (p *proxy) set(m mood) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mood = m
}

func (p *proxy) now() mood {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mood
}

// cut ends every connection there is.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.end()
	}
}

// left returns when the calls left, so far.
func (p *proxy) left() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// link is one connection that leads through.
type link struct {
	near, far net.Conn
	over      chan struct{}
	once      sync.Once
	bucket    bool // the last command was the bucket's; under proxy.mu
}

// end cuts as a broken network does: nobody says goodbye.
func (l *link) end() {
	l.once.Do(func() {
		close(l.over)
		for _, c := range []net.Conn{l.near, l.far} {
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = c.Close()
		}
	})
}

func (p *proxy) lead(near net.Conn) {
	far, err := net.Dial(p.network, p.address)
	if err != nil || p.now().refuse {
		_ = near.Close()
		if err == nil {
			_ = far.Close()
		}
		return
	}
	l := &link{near: near, far: far, over: make(chan struct{})}
	p.mu.Lock()
	p.links[l] = true
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.carry(l, far, near, p.there) })
	both.Go(func() { p.carry(l, near, far, p.back) })
	both.Wait()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// carry passes on what it reads, as long as passes says so.
func (p *proxy) carry(l *link, to io.Writer, from io.Reader, passes func(*link, []byte) bool) {
	defer l.end()
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 && passes(l, piece[:n]) {
			if _, err := to.Write(piece[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// there is the way from the worker.
func (p *proxy) there(l *link, piece []byte) bool {
	p.mu.Lock()
	m := p.mood
	l.bucket = bytes.Contains(piece, bucketKey)
	if bytes.HasPrefix(piece, []byte("POST ")) {
		p.calls = append(p.calls, time.Now())
	}
	p.mu.Unlock()
	l.wait(m.late)
	return true
}

// back is the way to the worker.
func (p *proxy) back(l *link, _ []byte) bool {
	p.mu.Lock()
	m, bucket := p.mood, l.bucket
	p.mu.Unlock()
	if m.hold != nil && !bucket {
		select {
		case <-m.hold:
		case <-l.over:
		}
	}
	l.wait(m.late)
	return !m.deaf
}

func (l *link) wait(d time.Duration) {
	if d == 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.over:
	}
}
