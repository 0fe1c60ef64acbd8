// Package simtest runs Amazon Cognito's twin for a test, and ends it with the
// test. It promises that nothing is left behind, neither a port nor a
// goroutine; and that a twin from Pipe stays inside a synctest bubble, where
// its hours pass at once. A twin on a port does not: a bubble cannot see the
// network.
package simtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// Server is a twin on a free port of the loopback interface.
type Server struct {
	*cognitosim.Sim

	t     testing.TB
	addr  string
	tls   *tls.Config // nil without TLS
	roots *x509.CertPool

	mu  sync.Mutex
	srv *server // nil while it is down
}

// Start runs a twin until the test ends.
func Start(t testing.TB, o cognitosim.Options) *Server {
	t.Helper()
	return start(t, &Server{Sim: cognitosim.New(o), t: t, addr: "127.0.0.1:0"})
}

// StartTLS is Start with a certificate of its own, for 127.0.0.1 and
// example.com; see Roots.
func StartTLS(t testing.TB, o cognitosim.Options) *Server {
	t.Helper()
	s := &Server{Sim: cognitosim.New(o), t: t, addr: "127.0.0.1:0", roots: x509.NewCertPool()}
	// httptest has a certificate, but gives it out with a server only.
	lender := httptest.NewTLSServer(http.NotFoundHandler())
	defer lender.Close()
	s.tls = &tls.Config{Certificates: lender.TLS.Certificates, NextProtos: []string{"http/1.1"}}
	s.roots.AddCert(lender.Certificate())
	return start(t, s)
}

func start(t testing.TB, s *Server) *Server {
	t.Helper()
	s.Up()
	t.Cleanup(func() {
		s.Sim.Close()
		s.Down()
	})
	return s
}

// URL returns the address for a client's endpoint.
func (s *Server) URL() string {
	if s.tls != nil {
		return "https://" + s.addr
	}
	return "http://" + s.addr
}

// Addr returns host and port.
func (s *Server) Addr() string { return s.addr }

// Roots holds the certificate that clients of StartTLS must trust.
func (s *Server) Roots() *x509.CertPool { return s.roots }

// Down takes the twin off the network: its port refuses, and every connection
// is cut. What it remembers stays.
func (s *Server) Down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv == nil {
		return
	}
	s.srv.stop()
	s.srv = nil
}

// Up brings the twin back, on the same port.
func (s *Server) Up() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv != nil {
		return
	}
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		s.t.Fatalf("the twin cannot listen: %v", err)
	}
	s.addr = ln.Addr().String()
	if s.tls != nil {
		ln = tls.NewListener(ln, s.tls)
	}
	s.srv = serve(s.Sim, ln)
}

// server counts its handlers, since http.Server's Close does not wait for them.
type server struct {
	http.Server
	running sync.WaitGroup
}

func serve(h http.Handler, ln net.Listener) *server {
	s := &server{}
	s.ErrorLog = log.New(io.Discard, "", 0)
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.running.Add(1)
		defer s.running.Done()
		h.ServeHTTP(w, r)
	})
	s.running.Go(func() { _ = s.Serve(ln) }) // it always ends with an error, here by Close
	return s
}

// stop cuts every connection and waits for what was running on them.
func (s *server) stop() {
	_ = s.Close() // its listener may have failed already, which is the same
	s.running.Wait()
}

// Dial opens a connection, whatever the address says.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Pipe runs a twin without a network, for tests in a synctest bubble: give the
// returned function to an http.Transport as DialContext, and any http endpoint
// to the client. The client's idle connections must be closed before the bubble
// ends, since the bubble waits for their goroutines.
func Pipe(t testing.TB, o cognitosim.Options) (*cognitosim.Sim, Dial) {
	t.Helper()
	sim := cognitosim.New(o)
	ln := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	srv := serve(sim, ln)
	t.Cleanup(func() {
		sim.Close()
		srv.stop()
	})
	return sim, ln.dial
}

// pipeListener is a listener in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	var err error
	select {
	case l.conns <- there:
		return here, nil
	case <-l.closed:
		err = net.ErrClosed
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, &net.OpError{Op: "dial", Net: "pipe", Addr: l.Addr(), Err: err}
}

// Accept implements [net.Listener].
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements [net.Listener].
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
