package ratelimit

import (
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// hundred is a quota whose curve takes some seconds.
var hundred = Quota{Name: "acme/eu-west-1", Limit: 100, Share: 1, Burst: 2}

func state(t *testing.T, b *Bucket) State {
	t.Helper()
	s, err := Peek(t.Context(), b.rdb, b.quota.Name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func about(a, b float64) bool { return math.Abs(a-b) < 1e-3*b }

func TestOneCongestionIsOneCutHoweverManyReportIt(t *testing.T) {
	t.Parallel()
	bubble(t, hundred, func(t *testing.T, b *Bucket, rdb *redis.Client) {
		var tokens []Token
		for range 50 {
			tokens = append(tokens, wait(t, b, "p"))
		}
		ctx := t.Context()
		cuts := make(chan bool, 50)
		var all sync.WaitGroup
		for i, tok := range tokens {
			w := New(rdb, hundred, Options{Worker: string(rune('a' + i%4))})
			all.Go(func() {
				cut, err := w.Throttled(ctx, tok)
				if err != nil {
					t.Error(err)
				}
				cuts <- cut
			})
		}
		all.Wait()
		close(cuts)
		n := 0
		for cut := range cuts {
			if cut {
				n++
			}
		}
		if s := state(t, b); n != 1 || !about(s.Allowed, 6.5) || !s.Throttled || s.LimitedBy("p") != "throttled" {
			t.Errorf("%d cuts, %+v", n, s)
		}
		time.Sleep(time.Millisecond)
		again, err := b.Throttled(ctx, wait(t, b, "p")) // at the new rate: congested still
		if s := state(t, b); err != nil || !again || !about(s.Allowed, 3.25) {
			t.Errorf("a throttle after the cut: %v, %v, allowed %v", again, err, s.Allowed)
		}
	})
}

// A token that was reserved before the cut went out at the old rate, though its
// instant came after it.
func TestATokenReservedBeforeTheCutSaysNothingNew(t *testing.T) {
	t.Parallel()
	bubble(t, ten, func(t *testing.T, b *Bucket, _ *redis.Client) {
		first := wait(t, b, "p")
		got := make(chan Token)
		go func() { got <- wait(t, b, "p") }()
		synctest.Wait()
		if cut, _ := b.Throttled(t.Context(), first); !cut {
			t.Fatal("no cut")
		}
		if cut, _ := b.Throttled(t.Context(), <-got); cut {
			t.Error("a second cut for one congestion")
		}
	})
}

func TestTheFloorIsHalfACallASecond(t *testing.T) {
	t.Parallel()
	bubble(t, hundred, func(t *testing.T, b *Bucket, _ *redis.Client) {
		wait(t, b, "p")
		for range 50 {
			tok := Token{taken: time.Now().Add(time.Hour)}
			if _, err := b.Throttled(t.Context(), tok); err != nil {
				t.Fatal(err)
			}
		}
		if s := state(t, b); s.Allowed != 0.5 {
			t.Errorf("after fifty cuts: %v", s.Allowed)
		}
		began := time.Now()
		wait(t, b, "p")
		wait(t, b, "p")
		if d := time.Since(began); d < time.Second || d > 3*time.Second {
			t.Errorf("two tokens at the floor took %v", d)
		}
		time.Sleep(11 * time.Second)
		if s := state(t, b); s.Allowed != 100 {
			t.Errorf("eleven seconds later: %v", s.Allowed)
		}
	})
}

func TestAfterABlockTheRateStartsAtATenth(t *testing.T) {
	t.Parallel()
	bubble(t, hundred, func(t *testing.T, b *Bucket, _ *redis.Client) {
		wait(t, b, "p")
		if err := b.Block(t.Context(), "p", 15*time.Second, "the breaker opened"); err != nil {
			t.Fatal(err)
		}
		s := state(t, b)
		if s.AllowedTo("p") != 0 || s.AllowedTo("other") != 100 || !strings.HasSuffix(s.LimitedBy("p"), "Z (the breaker opened)") {
			t.Errorf("while blocked: %+v, %s", s, s.LimitedBy("p"))
		}
		began := time.Now()
		times := drain(t, b, "p", 30*time.Second, 20)
		if d := times[0].Sub(began); d.Truncate(time.Millisecond) != 15*time.Second {
			t.Errorf("the first token came after %v", d)
		}
		early := 0
		for _, at := range times {
			if at.Sub(times[0]) < 500*time.Millisecond {
				early++
			}
		}
		if early < 5 || early > 15 {
			t.Errorf("%d in the first half second after the block", early)
		}
		if s := state(t, b); s.Allowed != 100 || s.Throttled || len(s.Blocks) != 0 {
			t.Errorf("fifteen seconds after the block: %+v", s)
		}
	})
}

// Time in which nobody could ask, as while Redis was away, is not saved up.
func TestAfterAnyPauseThereIsTheBurstAndNoMore(t *testing.T) {
	t.Parallel()
	for _, pause := range []time.Duration{time.Second, time.Hour, 30 * 24 * time.Hour} {
		q := Quota{Name: "acme/eu-west-1", Limit: 100, Share: 1, Burst: 5}
		bubble(t, q, func(t *testing.T, b *Bucket, _ *redis.Client) {
			takeFor(t, b, "p", 1)
			time.Sleep(pause)
			back := time.Now()
			atOnce, inASecond := 0, 0
			for time.Since(back) < time.Second {
				for _, at := range takeFor(t, b, "p", 40).instants {
					switch d := time.UnixMicro(at).Sub(back); {
					case d <= 0:
						atOnce++
						inASecond++
					case d < time.Second:
						inASecond++
					}
				}
				time.Sleep(10 * time.Millisecond)
			}
			if atOnce != q.Burst || inASecond < 100 || inASecond > 100+q.Burst {
				t.Errorf("after %v: %d tokens at once, %d in a second", pause, atOnce, inASecond)
			}
		})
	}
}

func TestAHoldStopsEveryPoolUntilItIsLifted(t *testing.T) {
	t.Parallel()
	bubble(t, hundred, func(t *testing.T, b *Bucket, rdb *redis.Client) {
		wait(t, b, "p")
		operator := New(rdb, hundred, Options{})
		if err := operator.Block(t.Context(), "", 24*time.Hour, "maintenance until noon"); err != nil {
			t.Fatal(err)
		}
		s := state(t, b)
		if s.Allowed != 0 || len(s.Blocks) != 1 || s.Blocks[0].Why != "maintenance until noon" || s.Blocks[0].Pool != "" {
			t.Errorf("while held: %+v", s)
		}
		if n := len(drain(t, b, "p", time.Hour, 3)) + len(drain(t, b, "other", time.Hour, 3)); n != 0 {
			t.Errorf("%d tokens while held", n)
		}
		got := make(chan Token, 1)
		go func() { got <- wait(t, b, "p") }()
		time.Sleep(time.Minute)
		lifted := time.Now()
		if err := operator.Unblock(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		<-got
		if d := time.Since(lifted); d > 10*time.Second {
			t.Errorf("the other worker noticed after %v", d)
		}
		if s := state(t, b); s.Allowed > 11 || len(s.Blocks) != 0 {
			t.Errorf("after the hold: %+v", s)
		}
	})
}

func TestOfAPoolsBlocksTheLastEndStandsAndOfHoldsTheLastWord(t *testing.T) {
	t.Parallel()
	bubble(t, hundred, func(t *testing.T, b *Bucket, _ *redis.Client) {
		wait(t, b, "p")
		for _, pool := range []string{"", "p"} {
			_ = b.Block(t.Context(), pool, time.Hour, "first")
			_ = b.Block(t.Context(), pool, time.Minute, "second")
		}
		s := state(t, b)
		hold, pool := s.Blocks[0], s.Blocks[1]
		if hold.Why != "second" || !hold.Until.Equal(s.Now.Add(time.Minute)) {
			t.Errorf("the hold: %+v", hold)
		}
		if pool.Why != "first" || !pool.Until.Equal(s.Now.Add(time.Hour)) || pool.Pool != "p" {
			t.Errorf("the pool's: %+v", pool)
		}
	})
}

func TestWhoBlocksStopsAtOnceAndWhoLiftsItGoesOnAtOnce(t *testing.T) {
	t.Parallel()
	for _, pool := range []string{"p", ""} {
		bubble(t, ten, func(t *testing.T, b *Bucket, _ *redis.Client) {
			wait(t, b, "p")
			got := make(chan string, 1)
			queue(t, b, got, "p-1", false) // holds a reservation
			_ = b.Block(t.Context(), pool, time.Hour, "x")
			time.Sleep(65 * time.Second) // between two looks
			if len(got) > 0 {
				t.Errorf("pool %q: the reservation was used in spite of the block", pool)
			}
			if err := b.Unblock(t.Context(), pool); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if len(got) != 1 {
				t.Errorf("pool %q: the worker that lifted the block waits on", pool)
			}
		})
	}
}

// A worker whose own network was gone says nothing about the others; when none
// of them called, it was everybody's.
func TestAfterAnOutageOfAllTheRateStartsAtATenthAndAfterOnesOwnItDoesNot(t *testing.T) {
	t.Parallel()
	bubble(t, hundred, func(t *testing.T, b *Bucket, _ *redis.Client) {
		for range 200 {
			wait(t, b, "p")
		}
		low, err := b.Returned(t.Context())
		if s := state(t, b); err != nil || low || s.Allowed != 100 {
			t.Errorf("others called meanwhile: low %v, %v, allowed %v", low, err, s.Allowed)
		}
		time.Sleep(returnedSpan + time.Second)
		low, err = b.Returned(t.Context())
		if s := state(t, b); err != nil || !low || !about(s.Allowed, 10) || s.Throttled {
			t.Errorf("nobody called meanwhile: low %v, %v, %+v", low, err, s)
		}
		for range 3 { // the next one to return finds the first calls
			wait(t, b, "p")
		}
		if low, err = b.Returned(t.Context()); err != nil || !low {
			t.Errorf("the second one: low %v, %v", low, err)
		}
		time.Sleep(returnedSpan + time.Second)
		for range 200 {
			wait(t, b, "p")
		}
		if s := state(t, b); !about(s.Allowed, 100) {
			t.Errorf("it does not return: allowed %v", s.Allowed)
		}
	})
}
