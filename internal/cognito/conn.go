package cognito

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

// errGateClosed is what a connection answers to a write that may not happen.
var errGateClosed = errors.New("the request was held back")

// wire is a connection as HTTP sees it: above TLS, so that what is written
// here is the request and not a handshake. It writes only for a call that
// carries it, and only through that call's gate.
type wire struct {
	net.Conn
	gate atomic.Pointer[gate]
}

// Write implements net.Conn.
func (w *wire) Write(p []byte) (int, error) {
	g := w.gate.Load()
	if g == nil || !g.open() {
		return 0, errGateClosed
	}
	n, err := w.Conn.Write(p)
	g.wrote(n)
	return n, err
}

// Read implements net.Conn. What arrives while no call is out ends the
// connection: it answers nothing, and net/http would print it to the log.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 && w.gate.Load() == nil {
		return 0, io.EOF
	}
	return n, err
}

// dialError is a connection that did not come about.
type dialError struct {
	cause reset.Cause
	err   error
}

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// dialler makes connections.
type dialler struct {
	target target
	open   func(ctx context.Context, network, address string) (net.Conn, error)
	tls    *tls.Config
}

func newDialler(t target, c Config) *dialler {
	return &dialler{target: t, open: c.Dial, tls: &tls.Config{
		ServerName: t.host,
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
	}}
}

// dial connects and shakes hands.
func (d *dialler) dial(ctx context.Context) (*wire, error) {
	raw, err := d.open(ctx, "tcp", d.target.address())
	if err != nil {
		return nil, &dialError{dialCause(err), err}
	}
	if d.target.scheme != "https" {
		return &wire{Conn: raw}, nil
	}
	secure := tls.Client(raw, d.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // the handshake's error is the one that counts
		return nil, &dialError{reset.TLS, err}
	}
	return &wire{Conn: secure}, nil
}

func dialCause(err error) reset.Cause {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return reset.DNS
	}
	return reset.Dial
}

// conn is an HTTP/1.1 connection that belongs to one caller at a time.
type conn struct {
	http *http.ClientConn
	wire *wire
	// fresh is false once the connection has waited among the idle ones.
	fresh bool
	// idle is since when it waits.
	idle time.Time
}

// connect dials and hands the connection to net/http. The transport is there
// for this one connection: net/http's own pool repeats requests, and does not
// say which connection stands ready.
func (d *dialler) connect(ctx context.Context) (*conn, error) {
	w, err := d.dial(ctx)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{
		DialContext:            func(context.Context, string, string) (net.Conn, error) { return w, nil },
		DisableCompression:     true, // an answer is a hundred bytes
		MaxResponseHeaderBytes: 64 << 10,
	}
	// "http" whatever the scheme: the wire has done TLS already, and neither
	// HTTP/2 nor a proxy can come into it.
	c, err := t.NewClientConn(ctx, "http", d.target.address())
	if err != nil {
		_ = w.Close() // as above
		return nil, &dialError{reset.Dial, err}
	}
	return &conn{http: c, wire: w, fresh: true}, nil
}

// usable reports whether the peer, as far as is known, still listens.
func (c *conn) usable(now time.Time) bool {
	return c.http.Err() == nil && now.Sub(c.idle) < idleFor
}

func (c *conn) close() { _ = c.http.Close() } // always nil
