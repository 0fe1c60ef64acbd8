package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/rekeyhq/rekey/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func isAnswer(err error) bool { return errors.Is(err, ErrAnswer) }

// ten is a quota of ten a second, one at a time.
var ten = Quota{Name: "q", Limit: 10, Share: 1, Burst: 1}

// bubble runs f on fake time with a bucket on a Redis in memory.
func bubble(t *testing.T, q Quota, f func(t *testing.T, b *Bucket, rdb *redis.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		rdb, _ := redistest.Memory(t)
		f(t, New(rdb, q, Options{Worker: "w1"}), rdb)
	})
}

func wait(t *testing.T, b *Bucket, pool string) Token {
	t.Helper()
	tok, err := b.Wait(t.Context(), pool, false)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// drain waits for tokens with that many handlers until the time is over, and
// returns when they came.
func drain(t *testing.T, b *Bucket, pool string, d time.Duration, handlers int) []time.Time {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var mu sync.Mutex
	var times []time.Time
	var all sync.WaitGroup
	for range handlers {
		all.Go(func() {
			for {
				if _, err := b.Wait(ctx, pool, false); err != nil {
					return
				}
				mu.Lock()
				times = append(times, time.Now())
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.SortFunc(times, time.Time.Compare)
	return times
}

func TestTokensComeAtTheRateAndATokenCostsOneScript(t *testing.T) {
	t.Parallel()
	bubble(t, ten, func(t *testing.T, b *Bucket, rdb *redis.Client) {
		calls := &counter{}
		rdb.AddHook(calls)
		times := drain(t, b, "p", time.Minute, 20)
		if n := len(times); n < 600 || n > 601 {
			t.Errorf("%d tokens in a minute at 10/s", n)
		}
		for i := 1; i < len(times); i++ {
			if d := times[i].Sub(times[i-1]); d < 99*time.Millisecond {
				t.Fatalf("token %d came %v after the one before", i, d)
			}
		}
		if int(calls.n.Load()) > len(times)+10 {
			t.Errorf("%d scripts for %d tokens", calls.n.Load(), len(times))
		}
	})
}

// counter counts scripts.
type counter struct{ n atomic.Int64 }

func (c *counter) DialHook(next redis.DialHook) redis.DialHook { return next }
func (c *counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if strings.HasPrefix(cmd.Name(), "eval") {
			c.n.Add(1)
		}
		return next(ctx, cmd)
	}
}
func (c *counter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// queue starts a waiter and reports its name when it has its token.
func queue(t *testing.T, b *Bucket, got chan<- string, name string, urgent bool) {
	pool, _, _ := strings.Cut(name, "-")
	go func() {
		if _, err := b.Wait(t.Context(), pool, urgent); err == nil {
			got <- name
		}
	}()
	synctest.Wait()
}

func inOrder(t *testing.T, got <-chan string, want ...string) {
	t.Helper()
	for i, w := range want {
		if g := <-got; g != w {
			t.Errorf("place %d: %s, want %s", i, g, w)
		}
	}
}

func TestUrgentGoesFirstAndElseWhoCameFirst(t *testing.T) {
	t.Parallel()
	bubble(t, ten, func(t *testing.T, b *Bucket, _ *redis.Client) {
		wait(t, b, "a")
		got := make(chan string, 9)
		queue(t, b, got, "a-1", false)
		queue(t, b, got, "b-2", false)
		queue(t, b, got, "a-3", false)
		queue(t, b, got, "a-u1", true) // takes the reservation that a-1 waits for
		queue(t, b, got, "a-u2", true)
		inOrder(t, got, "a-u1", "a-u2", "a-1", "b-2", "a-3")
	})
}

func TestWhoIsBlockedLeavesTheLineAndComesBackToItsPlace(t *testing.T) {
	t.Parallel()
	bubble(t, ten, func(t *testing.T, b *Bucket, rdb *redis.Client) {
		wait(t, b, "a")
		other := New(rdb, ten, Options{Worker: "w2"})
		if err := other.Block(t.Context(), "a", 500*time.Millisecond, "e-mail quota"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		got := make(chan string, 9)
		for _, name := range []string{"a-1", "a-2", "b-1", "b-2"} {
			queue(t, b, got, name, false)
		}
		inOrder(t, got, "b-1", "b-2")
		if d := time.Since(began); d > 300*time.Millisecond {
			t.Errorf("the pool that is not blocked waited %v", d)
		}
		queue(t, b, got, "b-3", false)
		inOrder(t, got, "b-3")
		time.Sleep(100 * time.Millisecond)
		inOrder(t, got, "a-1")
		if d := time.Since(began); d < 500*time.Millisecond {
			t.Errorf("the blocked pool waited only %v", d)
		}
		queue(t, b, got, "b-4", false)
		inOrder(t, got, "a-2", "b-4")
	})
}

func TestTheReservationOfAHeadThatLeavesGoesToTheNext(t *testing.T) {
	t.Parallel()
	bubble(t, ten, func(t *testing.T, b *Bucket, rdb *redis.Client) {
		wait(t, b, "a")
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { _, err := b.Wait(ctx, "a", false); gone <- err }()
		synctest.Wait()
		got := make(chan string, 9)
		queue(t, b, got, "a-2", false)
		calls := &counter{}
		rdb.AddHook(calls)
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("the head left with %v", err)
		}
		inOrder(t, got, "a-2")
		if d := time.Since(began); d != 100*time.Millisecond || calls.n.Load() != 0 {
			t.Errorf("the next one waited %v and %d scripts", d, calls.n.Load())
		}
	})
}

// The token was handed out at the very moment at which the handler gave up.
func TestATokenThatCrossesALeavingHandlerGoesToTheNext(t *testing.T) {
	t.Parallel()
	bubble(t, ten, func(t *testing.T, b *Bucket, _ *redis.Client) {
		w := b.join("a", false)
		synctest.Wait() // the token is in its hands, and it has not looked
		began := time.Now()
		b.leave(w)
		tok := wait(t, b, "a")
		if d := time.Since(began); d != 0 || tok.Server.After(began) {
			t.Errorf("the next one waited %v", d)
		}
		if s := state(t, b); s.Taken != 1 {
			t.Errorf("%d tokens were taken, want the one", s.Taken)
		}
	})
}

// What is reserved for one pool is no token for another: its block was not
// looked at. The other one takes one token of its own, and not the line's.
func TestAnotherPoolsHeadReservesOneForItself(t *testing.T) {
	t.Parallel()
	bubble(t, Quota{Name: "q", Limit: 100, Share: 1, Burst: 1}, func(t *testing.T, b *Bucket, _ *redis.Client) {
		wait(t, b, "a")
		got := make(chan string, 9)
		queue(t, b, got, "a-1", false) // reserves one
		for _, name := range []string{"a-2", "a-3", "a-4"} {
			queue(t, b, got, name, false)
		}
		queue(t, b, got, "b-u", true)
		if s := state(t, b); s.Taken != 3 {
			t.Errorf("%d tokens were taken: want the first, a-1's and b-u's", s.Taken)
		}
		inOrder(t, got, "a-1", "b-u", "a-2", "a-3", "a-4")
	})
}

func TestATokenThatNobodyTakesIsGoodFor250Milliseconds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ late, want time.Duration }{
		{100*time.Millisecond + Life, 0},     // at its very end
		{100*time.Millisecond + Life + 1, 0}, // a new one: the bucket is full again
	} {
		bubble(t, ten, func(t *testing.T, b *Bucket, rdb *redis.Client) {
			wait(t, b, "a")
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_, _ = b.Wait(ctx, "a", false) // reserves, and leaves
			time.Sleep(row.late - time.Millisecond)
			calls := &counter{}
			rdb.AddHook(calls)
			tok := wait(t, b, "a")
			if d := time.Until(tok.NotAfter()); d < 0 || d > Life {
				t.Errorf("late by %v: the token has %v to live", row.late, d)
			}
			if fresh := calls.n.Load() > 0; fresh != (row.late > 100*time.Millisecond+Life) {
				t.Errorf("late by %v: a new token: %v", row.late, fresh)
			}
		})
	}
}

func TestWaitEndsWithItsContextAndLeavesNobodyBehind(t *testing.T) {
	t.Parallel()
	bubble(t, ten, func(t *testing.T, b *Bucket, _ *redis.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 350*time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		errs := make(chan error, 50)
		for i := range 50 {
			all.Go(func() { _, err := b.Wait(ctx, fmt.Sprint(i%3), i%2 == 0); errs <- err })
		}
		all.Wait()
		close(errs)
		got := 0
		for err := range errs {
			if err == nil {
				got++
			} else if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
		if got != 4 || !b.empty() {
			t.Errorf("%d got a token in 350 ms at 10/s; empty line: %v", got, b.empty())
		}
		if _, err := b.Wait(ctx, "a", false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with an ended context: %v", err)
		}
	})
}

func TestAnUnusableQuotaIsAnErrorAtOnce(t *testing.T) {
	t.Parallel()
	for _, q := range []Quota{
		{}, {Name: "q"}, {Name: "q", Limit: 30}, {Name: "q", Limit: -1, Share: 1},
		{Name: "q", Limit: 1, Share: 1, Burst: -1}, {Name: "q", Limit: 1, Share: 1, Daily: -1}, {Name: "q", Limit: 1, Share: 1, Echo: -1},
	} {
		b := New(nil, q, Options{})
		if _, err := b.Wait(t.Context(), "p", false); err == nil {
			t.Errorf("%+v was accepted", q)
		}
		if err := b.Run(t.Context()); err == nil {
			t.Errorf("%+v was accepted by Run", q)
		}
	}
	if r := (Quota{Limit: 30, Share: 0.8, Echo: 0.4}).Rate(); r < 17.14 || r > 17.15 {
		t.Errorf("the default rate is %v", r)
	}
}
