package cognito

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestDialHasAConnectionReady(t *testing.T) {
	t.Parallel()
	srv := listen(t, answerAll)
	c := client(t, srv.url())
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if err := c.Dial(t.Context()); err != nil {
				t.Error(err)
			}
			if idle(c) == 0 {
				t.Error("no connection is ready")
			}
		})
	}
	all.Wait()
	if n := idle(c); n != spares {
		t.Errorf("%d connections, want %d", n, spares)
	}
	if _, e := forgot(t, c, "alice"); e != nil {
		t.Fatal(e)
	}
	if n := idle(c); n != spares {
		t.Errorf("%d connections after a call, which need not have dialled", n)
	}
	eventually(t, "the server has them all", func() bool { return srv.accepted.Load() == spares })
}

// TestDialReplacesWhatTheServerClosed: a dead connection is not one that stands
// ready.
func TestDialReplacesWhatTheServerClosed(t *testing.T) {
	t.Parallel()
	srv, release := closing(t)
	c := client(t, srv.url(), func(c *Config) { c.MaxConns = 1 })
	if err := c.Dial(t.Context()); err != nil {
		t.Fatal(err)
	}
	dead := c.conns.idle[0]
	release()
	eventually(t, "the client sees the end", func() bool { return dead.http.Err() != nil })
	if err := c.Dial(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(c.conns.idle) != 1 || c.conns.idle[0] == dead {
		t.Errorf("%d stand ready", len(c.conns.idle))
	}
}

// TestDialFailsForAllAtOnce: those who wait share the failure, instead of
// finding it one after another.
func TestDialFailsForAllAtOnce(t *testing.T) {
	t.Parallel()
	hangUp, release := signal(t)
	srv := listen(t, func(net.Conn) { <-hangUp })
	c := client(t, "https://"+srv.Addr().String())
	const callers = 200
	var begun atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			begun.Add(1)
			if e := failureOf(t, c.Dial(t.Context())); e == nil || e.Outcome != reset.Unavailable || e.Cause != reset.TLS {
				t.Errorf("%v", e)
			}
		})
	}
	eventually(t, "the callers", func() bool { return begun.Load() == callers && srv.accepted.Load() == spares })
	release()
	all.Wait()
	if n := srv.accepted.Load(); n > callers/2 {
		t.Errorf("%d callers dialled by themselves", n)
	}
}

func TestDialThatIsStoppedIsNotTheNetworksFault(t *testing.T) {
	t.Parallel()
	srv := listen(t, answerAll)
	c := client(t, srv.url())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantFailure(t, failureOf(t, c.Dial(ctx)), reset.NotSent, reset.NotSentCause)
}
