package cognito

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

// idle counts the connections that stand ready.
func idle(c *Client) int {
	c.conns.mu.Lock()
	defer c.conns.mu.Unlock()
	return len(c.conns.idle)
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	srv := listen(t, answerAll)
	c := client(t, srv.url())
	for range 20 {
		if _, e := forgot(t, c, "alice"); e != nil {
			t.Fatal(e)
		}
	}
	if n := srv.accepted.Load(); n != 1 {
		t.Errorf("%d connections for calls one after another", n)
	}
	if c.conns.idle[0].wire.gate.Load() != nil {
		t.Error("an idle connection still belongs to a call")
	}
}

func TestErrorAnswersKeepTheConnection(t *testing.T) {
	t.Parallel()
	srv := listen(t, func(c net.Conn) {
		for r := bufio.NewReader(c); ; {
			if _, ok := readRequest(r); !ok {
				return
			}
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}")
		}
	})
	c := client(t, srv.url())
	for range 3 {
		_, e := forgot(t, c, "alice")
		wantFailure(t, e, reset.Unanswered, reset.Other)
	}
	if n := srv.accepted.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestServerThatClosesIsDialledAgain(t *testing.T) {
	t.Parallel()
	srv := listen(t, func(c net.Conn) {
		if _, ok := readRequest(bufio.NewReader(c)); ok {
			io.WriteString(c, strings.Replace(okWire, "\r\n", "\r\nConnection: close\r\n", 1))
		}
	})
	c := client(t, srv.url())
	for range 3 {
		if _, e := forgot(t, c, "alice"); e != nil {
			t.Fatal(e)
		}
		if n := idle(c); n != 0 {
			t.Errorf("%d connections are kept", n)
		}
	}
}

// closing returns a server that hangs up on its first connection when told to,
// and answers on the others.
func closing(t *testing.T) (*peer, func()) {
	t.Helper()
	hangUp, release := signal(t)
	var first sync.Once
	return listen(t, func(c net.Conn) {
		stale := false
		first.Do(func() { stale = true })
		if stale {
			<-hangUp
			return
		}
		answerAll(c)
	}), release
}

// TestClosedIdleConnectionsAreNotUsed: the server hangs up on what stands
// ready, and the client has seen it.
func TestClosedIdleConnectionsAreNotUsed(t *testing.T) {
	t.Parallel()
	srv, release := closing(t)
	c := client(t, srv.url())
	if err := c.Dial(t.Context()); err != nil {
		t.Fatal(err)
	}
	release()
	eventually(t, "the client sees the end", func() bool { return c.conns.idle[0].http.Err() != nil })
	if _, e := forgot(t, c, "alice"); e != nil {
		t.Fatal(e)
	}
	if n := srv.accepted.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// TestIdleConnectionThatTakesNothingIsPassedOver: a write that takes no byte is
// the one case in which a request goes to a second connection.
func TestIdleConnectionThatTakesNothingIsPassedOver(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	srv := listen(t, func(c net.Conn) {
		for r := bufio.NewReader(c); ; requests.Add(1) {
			if _, ok := readRequest(r); !ok {
				return
			}
			io.WriteString(c, okWire)
		}
	})
	c := client(t, srv.url())
	for range 3 {
		c.conns.put(dialled(t, c))
	}
	for _, stale := range c.conns.idle {
		// From now on a write is refused before it takes anything, and the
		// reader notices nothing.
		if err := stale.wire.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	if _, e := forgot(t, c, "alice"); e != nil {
		t.Fatal(e)
	}
	c.Close()
	srv.drain()
	if n := requests.Load(); n != 1 {
		t.Errorf("the server had %d requests", n)
	}
}

func dialled(t *testing.T, c *Client) *conn {
	t.Helper()
	cn, err := c.conns.dialler.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return cn
}

// TestFreshConnectionThatTakesNothingIsUnavailable: it is not tried for ever.
func TestFreshConnectionThatTakesNothingIsUnavailable(t *testing.T) {
	t.Parallel()
	srv := listen(t, answerAll)
	c := client(t, srv.url())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	call := c.newCall(ctx, user("alice"), soon())
	defer call.gate.end()
	cn := dialled(t, c)
	cn.wire.Conn.(*net.TCPConn).CloseWrite()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.url(), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	call.asked = true
	if _, call.err = call.try(cn, req); call.err == nil {
		t.Fatal("it took the request")
	}
	wantFailure(t, call.failure(call.err), reset.Unavailable, reset.Reset)
}

func TestOldIdleConnectionsAreNotUsed(t *testing.T) {
	t.Parallel()
	srv := listen(t, answerAll)
	c := client(t, srv.url())
	if err := c.Dial(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := c.conns.idle[0]
	old.idle = time.Now().Add(-idleFor)
	if _, e := forgot(t, c, "alice"); e != nil {
		t.Fatal(e)
	}
	if srv.accepted.Load() != 2 || old.http.Err() == nil {
		t.Error("it was used, or is still open")
	}
}

// TestWhatArrivesUnaskedEndsTheConnection: it must not answer the next call.
func TestWhatArrivesUnaskedEndsTheConnection(t *testing.T) {
	t.Parallel()
	speak, release := signal(t)
	var once sync.Once
	srv := listen(t, func(c net.Conn) {
		once.Do(func() {
			<-speak
			io.WriteString(c, okWire)
		})
		answerAll(c)
	})
	c := client(t, srv.url())
	if err := c.Dial(t.Context()); err != nil {
		t.Fatal(err)
	}
	release()
	eventually(t, "the connection's end", func() bool { return c.conns.idle[0].http.Err() != nil })
	if _, e := forgot(t, c, "alice"); e != nil {
		t.Fatal(e)
	}
	if n := srv.accepted.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

func TestIdleConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	answer, release := signal(t)
	srv := listen(t, func(c net.Conn) {
		if _, ok := readRequest(bufio.NewReader(c)); ok {
			<-answer
			io.WriteString(c, okWire)
			io.Copy(io.Discard, c)
		}
	})
	c := client(t, srv.url(), func(c *Config) { c.MaxConns = 3 })
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := c.ForgotPassword(t.Context(), user("alice"), soon()); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "ten calls at once", func() bool { return srv.accepted.Load() == 10 })
	release()
	all.Wait()
	if n := idle(c); n != 3 {
		t.Errorf("%d are kept, want 3", n)
	}
}

func TestClosedClientSendsNothing(t *testing.T) {
	t.Parallel()
	srv := listen(t, answerAll)
	c := client(t, srv.url())
	if err := c.Dial(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Close()
	_, e := forgot(t, c, "alice")
	wantFailure(t, e, reset.NotSent, reset.NotSentCause)
	wantFailure(t, failureOf(t, c.Dial(t.Context())), reset.NotSent, reset.NotSentCause)
	srv.drain() // no connection is left open
	if n := srv.accepted.Load(); n > 1 {
		t.Errorf("%d connections", n)
	}
}

func TestHTTP1EvenWhereTheServerHas2(t *testing.T) {
	t.Parallel()
	var protocols sync.Map
	c, _ := https(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocols.Store(r.Proto, true)
		io.WriteString(w, okAnswer)
	}))
	if err := c.Dial(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m, e := forgot(t, c, "alice"); e != nil || m != reset.Email {
		t.Fatal(m, e)
	}
	protocols.Range(func(p, _ any) bool {
		if p != "HTTP/1.1" {
			t.Errorf("%v", p)
		}
		return true
	})
}

// TestWireReadsNothingWithoutACall: net/http would print what it reads to the
// program's log, where it might name somebody.
func TestWireReadsNothingWithoutACall(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		io.WriteString(far, "alice")
		far.Close()
	}()
	w := &wire{Conn: near}
	if n, err := w.Read(make([]byte, 10)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%d %v", n, err)
	}
	if n, err := w.Write([]byte("x")); n != 0 || !errors.Is(err, errGateClosed) {
		t.Errorf("%d %v", n, err)
	}
}
