package cognito

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

const (
	testClient = "1example23456789"
	okAnswer   = `{"CodeDeliveryDetails":{"AttributeName":"email","DeliveryMedium":"EMAIL","Destination":"a***@e***"}}`
)

// client calls endpoint. Options change the configuration first.
func client(t testing.TB, endpoint string, options ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{Region: "eu-west-1", ClientID: testClient, Endpoint: endpoint}
	for _, o := range options {
		o(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func user(name string) reset.Request { return reset.Request{Username: reset.Hide(name)} }

// soon is a token's end that no test reaches.
func soon() time.Time { return time.Now().Add(time.Minute) }

// forgot makes a call that has all the time it needs.
func forgot(t testing.TB, c *Client, name string) (reset.Medium, *reset.Error) {
	t.Helper()
	m, err := c.ForgotPassword(t.Context(), user(name), soon())
	return m, failureOf(t, err)
}

// failureOf insists on the one type of error that callers may rely on.
func failureOf(t testing.TB, err error) *reset.Error {
	t.Helper()
	if err == nil {
		return nil
	}
	var e *reset.Error
	if !errors.As(err, &e) || e.Outcome == 0 || e.Outcome == reset.Accepted {
		t.Fatalf("%T %v says nothing about the request", err, err)
	}
	return e
}

func wantFailure(t testing.TB, e *reset.Error, o reset.Outcome, c reset.Cause) {
	t.Helper()
	if e == nil {
		t.Fatalf("accepted, want %v %v", o, c)
	}
	if e.Outcome != o || e.Cause != c {
		t.Fatalf("%v %v (%v), want %v %v", e.Outcome, e.Cause, e, o, c)
	}
}

// eventually polls, since what a peer notices has no signal of its own.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within 5 s: %s", what)
		}
		tick := time.NewTimer(time.Millisecond)
		<-tick.C
	}
}

// signal returns a channel that is closed by the function, at the latest when
// the test ends: before the servers are waited for, which are made later.
func signal(t testing.TB) (<-chan struct{}, func()) {
	c := make(chan struct{})
	release := sync.OnceFunc(func() { close(c) })
	context.AfterFunc(t.Context(), release)
	return c, release
}

// peer is a server whose connections a test handles itself.
type peer struct {
	net.Listener
	accepted atomic.Int64
	handlers sync.WaitGroup
}

// drain waits until every connection was handled to its end. The clients have
// hung up before.
func (p *peer) drain() {
	p.Close()
	p.handlers.Wait()
}

func (p *peer) url() string { return "http://" + p.Addr().String() }

// listen hands every connection to handle, and closes it afterwards.
func listen(t testing.TB, handle func(net.Conn)) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{Listener: l}
	var open sync.Map
	p.handlers.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.accepted.Add(1)
			open.Store(c, nil)
			p.handlers.Go(func() {
				defer c.Close()
				handle(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
		p.handlers.Wait()
	})
	return p
}

// readRequest reads one request whole; false at the connection's end.
func readRequest(r *bufio.Reader) (username string, ok bool) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return "", false
	}
	var body struct{ Username string }
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		return "", false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return body.Username, err == nil
}

const okWire = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 2\r\n\r\n{}"

// answerAll serves okWire until the peer hangs up.
func answerAll(c net.Conn) {
	for r := bufio.NewReader(c); ; {
		if _, ok := readRequest(r); !ok {
			return
		}
		if _, err := io.WriteString(c, okWire); err != nil {
			return
		}
	}
}

// https starts a TLS server that would rather speak HTTP/2, and a client that
// trusts it.
func https(t testing.TB, h http.Handler) (*Client, *httptest.Server) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	c := client(t, srv.URL)
	trust(c, srv)
	return c, srv
}

func trust(c *Client, srv *httptest.Server) {
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	c.conns.dialler.tls.RootCAs = pool
}
