package campaign

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/child"
	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/redistest"
)

// pair is a primary and its replica. Options are both of theirs.
type pair struct {
	primary, replica *embedredis.Server
	port             string // the primary's
}

func newPair(t *testing.T, more ...string) pair {
	t.Helper()
	var p pair
	node := func(args ...string) (*embedredis.Server, string) {
		return redistest.Listening(t, func(port string) embedredis.Options {
			return embedredis.Options{Args: append(append([]string{"--bind", "127.0.0.1", "--port", port, "--repl-diskless-sync-delay", "0"}, more...), args...)}
		})
	}
	p.primary, p.port = node()
	p.replica, _ = node("--replicaof", "127.0.0.1 "+p.port)
	p.attached(t)
	return p
}

// attached waits until the replica follows.
func (p pair) attached(t *testing.T) {
	t.Helper()
	rdb := redistest.Client(t, p.primary)
	until(t, "the replica follows", func() bool {
		var n *redis.Cmd
		_, err := rdb.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
			pipe.Set(t.Context(), "written", "", 0)
			n = pipe.Do(t.Context(), "wait", 1, 100)
			return nil
		})
		return err == nil && n.Val() == int64(1)
	})
}

func (p pair) stopReplica(t *testing.T) (cont func()) {
	t.Helper()
	if err := child.Suspend(p.replica.PID()); err != nil {
		t.Fatal(err)
	}
	return func() { _ = syscall.Kill(p.replica.PID(), syscall.SIGCONT) }
}

// promote makes a primary of the replica. Before the primary is killed it is
// one that was cut off: what comes later is on the primary alone.
func (p pair) promote(t *testing.T) *redis.Client {
	t.Helper()
	rdb := redistest.Client(t, p.replica)
	if err := rdb.Do(t.Context(), "replicaof", "no", "one").Err(); err != nil {
		t.Fatal(err)
	}
	return rdb
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// waits has the ledger wait for a replica from now on.
func (l *ledger) waits(rdb redis.UniversalClient) {
	l.t.Helper()
	l.pool.WaitReplicas = 1
	l.Store.rdb = rdb
}

func TestAMarkThatNoReplicaHasIsNoMark(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	rdb := redistest.Client(t, p.primary)
	l := ledgerOn(t, rdb, 10)
	l.waits(rdb)
	l.want(l.mark(0), AnswerGo)

	cont := p.stopReplica(t)
	defer cont()
	m := l.mark(1)
	b, err := l.Begin(t.Context(), m)
	var few ErrTooFewReplicas
	if !errors.As(err, &few) || few != (ErrTooFewReplicas{Have: 0, Want: 1}) || b.Answer == AnswerGo {
		t.Fatalf("begin without the replica: %+v, %v; want an ErrTooFewReplicas", b, err)
	}
	if _, err := l.Begin(t.Context(), m); !errors.As(err, &few) {
		t.Fatalf("the same mark again: %v; want an ErrTooFewReplicas", err)
	}
	l.settle(m, notSent())
	if r := l.record(1); r.State != Waiting || l.live(1) != "" {
		t.Errorf("row 1 is %s with live key %q; want it as if never marked", r.State, l.live(1))
	}
	// What needs no mark needs no replica.
	l.want(l.mark(0), AnswerBusy)

	cont()
	p.attached(t)
	l.want(l.mark(1), AnswerGo)
	l.recount()
}

// A client that repeats Begin may do so on another connection, and WAIT knows
// only what its own connection wrote.
func TestARepeatedMarkWaitsForTheReplicaToo(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	rdb := redistest.Client(t, p.primary)
	l := ledgerOn(t, rdb, 10)
	cont := p.stopReplica(t)
	defer cont()
	m := l.mark(0)
	l.want(m, AnswerGo) // its WAIT was lost with the connection
	other := redistest.Client(t, p.primary)
	l.waits(other)
	if _, err := l.Begin(t.Context(), m); !errors.As(err, new(ErrTooFewReplicas)) {
		t.Errorf("the same mark on another connection: %v; want an ErrTooFewReplicas", err)
	}
}

// The difference that wait_replicas makes, both ways: the replica is cut off,
// the primary is killed, and the replica takes its place.
func TestAFailoverForgetsAMarkOnlyIfNobodyWaitedForItsCopy(t *testing.T) {
	t.Parallel()
	for _, wait := range []bool{false, true} {
		t.Run("wait "+strconv.FormatBool(wait), func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			rdb := redistest.Client(t, p.primary)
			l := ledgerOn(t, rdb, 10)
			p.attached(t)
			replica := p.promote(t)
			if wait {
				l.waits(rdb)
			}
			m := l.mark(0)
			b, err := l.Begin(t.Context(), m)
			called := err == nil && b.Answer == AnswerGo
			if called == wait {
				t.Fatalf("begin: %+v, %v", b, err)
			}

			p.primary.Kill()
			l.rdb, l.Store.rdb, l.pool.WaitReplicas = replica, replica, 0
			// Without waiting: called, forgotten, and called again.
			l.want(l.mark(0), AnswerGo)
		})
	}
}

func TestMarksWaitForReplicasOnAClusterToo(t *testing.T) {
	t.Parallel()
	l := ledgerOn(t, newCluster(t), 10)
	socket := l.rdb.Options().Addr
	rdb := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs:  []string{"127.0.0.1:1"},
		Dialer: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", socket) },
	})
	defer func() { _ = rdb.Close() }()
	l.waits(rdb)
	_, err := l.Begin(t.Context(), l.mark(0))
	if !errors.As(err, new(ErrTooFewReplicas)) {
		t.Errorf("begin on a Cluster without replicas: %v; want an ErrTooFewReplicas", err)
	}
}

func TestAServerThatCannotWaitMarksNothing(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 10)
	l.waits(l.rdb)
	if b, err := l.Begin(t.Context(), l.mark(0)); err == nil {
		t.Errorf("begin on a server without WAIT: %+v", b)
	}
}
