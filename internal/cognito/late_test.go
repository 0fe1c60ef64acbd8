package cognito

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// counting returns a server that takes whatever comes and answers nothing, and
// the number of bytes that it has got once everybody hung up.
func counting(t *testing.T) (*peer, func() int64) {
	t.Helper()
	got := make(chan int64, 64)
	srv := listen(t, func(c net.Conn) {
		n, _ := io.Copy(io.Discard, c)
		got <- n
	})
	return srv, func() int64 {
		eventually(t, "the server has the connection", func() bool { return srv.accepted.Load() > 0 })
		var sum int64
		for range srv.accepted.Load() {
			sum += <-got
		}
		return sum
	}
}

// TestNothingIsWrittenAfterTheToken has a connection ready, so that only the
// time can be the reason.
func TestNothingIsWrittenAfterTheToken(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]func(context.Context) (context.Context, context.CancelFunc, time.Time){
		"token": func(ctx context.Context) (context.Context, context.CancelFunc, time.Time) {
			return ctx, func() {}, time.Now().Add(-time.Nanosecond)
		},
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc, time.Time) {
			ctx, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Nanosecond))
			return ctx, cancel, soon()
		},
		"cancelled": func(ctx context.Context) (context.Context, context.CancelFunc, time.Time) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel, soon()
		},
	} {
		srv, bytes := counting(t)
		c := client(t, srv.url())
		if err := c.Dial(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel, notAfter := late(t.Context())
		_, err := c.ForgotPassword(ctx, user("alice"), notAfter)
		cancel()
		t.Log(name)
		e := failureOf(t, err)
		wantFailure(t, e, reset.NotSent, reset.NotSentCause)
		if !errors.Is(e, ErrLate) {
			t.Errorf("%v, want ErrLate", e.Err)
		}
		c.Close()
		if n := bytes(); n != 0 {
			t.Errorf("%s: %d bytes arrived", name, n)
		}
	}
}

// TestTokenEndsBetweenCallAndWrite takes the gate's own clock away: what is left
// is the check at the first byte, on a connection that stands ready.
func TestTokenEndsBetweenCallAndWrite(t *testing.T) {
	t.Parallel()
	srv, bytes := counting(t)
	c := client(t, srv.url())
	if err := c.Dial(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	call := c.newCall(ctx, user("alice"), soon())
	defer call.gate.end()
	call.gate.notAfter = time.Now().Add(-time.Nanosecond)
	_, e := c.make(call)
	wantFailure(t, e, reset.NotSent, reset.NotSentCause)
	if !call.asked {
		t.Error("the request did not come as far as the connection")
	}
	c.Close()
	if n := bytes(); n != 0 {
		t.Errorf("%d bytes arrived", n)
	}
}

// TestNoConnectionWithinTheTokenIsNotSent stalls the handshake: a token does
// not wait for it, and no byte of HTTP follows when it ends.
func TestNoConnectionWithinTheTokenIsNotSent(t *testing.T) {
	t.Parallel()
	srv := listen(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	c := client(t, "https://"+srv.Addr().String())
	begun := time.Now()
	_, err := c.ForgotPassword(t.Context(), user("alice"), begun.Add(50*time.Millisecond))
	e := failureOf(t, err)
	wantFailure(t, e, reset.NotSent, reset.NotSentCause)
	if !errors.Is(e, ErrNoConnection) {
		t.Errorf("%v, want ErrNoConnection", e.Err)
	}
	if d := time.Since(begun); d > 8*time.Second {
		t.Errorf("after %v", d)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = c.ForgotPassword(ctx, user("alice"), soon())
	wantFailure(t, failureOf(t, err), reset.NotSent, reset.NotSentCause)
}

func TestGateOpensInTimeAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		token, deadline, wait time.Duration
		set                   time.Duration // of the wall clock meanwhile, on or back
		open                  bool
	}{
		"in time":                       {time.Second, time.Minute, time.Second, 0, true},
		"token over":                    {time.Second, time.Minute, time.Second + 1, 0, false},
		"deadline over":                 {time.Minute, time.Second, time.Second + 1, 0, false},
		"suspended for an hour":         {time.Second, time.Minute, 0, time.Hour, false},
		"suspended beyond the deadline": {time.Hour, time.Second, 0, time.Second + 1, false},
		"clock set back":                {time.Second, time.Minute, time.Second, -time.Hour, true},
		"token over, clock set back":    {time.Second, time.Minute, time.Second + 1, -time.Hour, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), c.deadline)
			defer cancel()
			g := newGate(ctx, time.Now().Add(c.token))
			defer g.end()
			g.timer.Stop() // the check at the write must do without it
			time.Sleep(c.wait)
			g.wall = g.wall.Add(-c.set) // a wall clock alone cannot be set here
			if g.open() != c.open {
				t.Errorf("%s: open is %v", name, !c.open)
			}
			if unsent, why := g.close(); unsent == c.open || !c.open && !errors.Is(why, ErrLate) {
				t.Errorf("%s: unsent %v, why %v", name, unsent, why)
			}
		})
	}
}

// overdue is a context whose deadline is over and whose timer has not fired yet.
type overdue struct{ context.Context }

func (overdue) Deadline() (time.Time, bool) { return time.Now().Add(-time.Hour), true }

func TestGateDoesNotWaitForTheContextsTimer(t *testing.T) {
	t.Parallel()
	g := &gate{ctx: overdue{t.Context()}, cancel: func() {}, notAfter: soon(), wall: soon()}
	if g.open() {
		t.Error("open after the deadline")
	}
}

func TestGateClosesByItselfWhileNobodyWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t.Context(), time.Now().Add(time.Second))
		defer g.end()
		begun := time.Now()
		<-g.ctx.Done()
		if d := time.Since(begun); d != time.Second {
			t.Errorf("after %v", d)
		}
		if unsent, why := g.close(); !unsent || !errors.Is(why, ErrNoConnection) {
			t.Errorf("unsent %v, why %v", unsent, why)
		}
	})
}

// TestGateStaysOpenForTheRestOfARequest: half a request helps nobody.
func TestGateStaysOpenForTheRestOfARequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t.Context(), time.Now().Add(time.Second))
		defer g.end()
		if !g.open() {
			t.Fatal("closed in time")
		}
		g.wrote(10)
		time.Sleep(time.Minute)
		if !g.open() || g.ctx.Err() != nil {
			t.Error("closed in the middle of a request")
		}
		if unsent, _ := g.close(); unsent {
			t.Error("unsent after ten bytes")
		}
	})
}

// TestWriteThatTookNothingLeavesTheGateOpen, and its clock running.
func TestWriteThatTookNothingLeavesTheGateOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t.Context(), time.Now().Add(time.Second))
		defer g.end()
		if !g.open() {
			t.Fatal("closed in time")
		}
		g.wrote(0)
		if !g.untouched() {
			t.Error("touched by a write that took nothing")
		}
		time.Sleep(2 * time.Second)
		if g.open() {
			t.Error("open after the token's end")
		}
	})
}
