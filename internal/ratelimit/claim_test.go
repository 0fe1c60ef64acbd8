package ratelimit

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/redistest"
)

// serve runs the bucket until the returned function is called.
func serve(t *testing.T, b *Bucket) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return func() { cancel(); run.Wait() }
}

func TestAWorkerWithOtherNumbersStandsByAndTakesOver(t *testing.T) {
	t.Parallel()
	bubble(t, ten, func(t *testing.T, old *Bucket, rdb *redis.Client) {
		oldest := New(rdb, ten, Options{Worker: "w0"})
		stopOldest, stopOld := serve(t, oldest), serve(t, old)
		next := ten
		next.Limit, next.Burst = 20, 3
		var log bytes.Buffer
		young := New(rdb, next, Options{Worker: "w2", Log: slog.New(slog.NewTextHandler(&log, nil))})
		defer serve(t, young)()
		wantStandby(t, young.Standby(), "limit", "10", "20")

		got := make(chan time.Time, 1)
		go func() { wait(t, young, "p"); got <- time.Now() }()
		time.Sleep(10 * time.Minute)
		if len(got) > 0 {
			t.Fatal("the worker that stands by got a token")
		}
		stopOldest()
		time.Sleep(10 * time.Minute)
		wait(t, old, "p") // one of them is left, and goes on
		stopOld()
		left := time.Now()
		if d := (<-got).Sub(left); d < 20*time.Second || d > 31*time.Second {
			t.Errorf("the young one took over %v after the last old one", d)
		}
		if s := state(t, young); young.Standby() != nil || s.Limit != 20 || s.Configured != 20 || s.Burst != 3 || s.By != "w2" {
			t.Errorf("after the take-over: %v, %+v", young.Standby(), s)
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "key=limit theirs=10 ours=20") {
			t.Errorf("it was said %d times:\n%s", n, &log)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := old.Wait(ctx, "p", false); err == nil {
			t.Error("the old worker, come back, takes tokens with its old numbers")
		}
		wantStandby(t, old.Standby(), "limit", "20", "10")
	})
}

func wantStandby(t *testing.T, err error, key, theirs, ours string) {
	t.Helper()
	var d *DiffersError
	if !errors.As(err, &d) || d.Key != key || d.Theirs != theirs || d.Ours != ours {
		t.Errorf("standing by: %v; want %s, theirs %s, ours %s", err, key, theirs, ours)
	}
}

func TestEachKeyThatDiffersIsNamed(t *testing.T) {
	t.Parallel()
	base := Quota{Name: "q", Limit: 30, Share: 0.8, Echo: 0.4, Burst: 2}
	for key, change := range map[string]func(*Quota){
		"limit": func(q *Quota) { q.Limit = 40 },
		"share": func(q *Quota) { q.Share = 0.7 },
		"echo":  func(q *Quota) { q.Echo = 0.3 },
		"burst": func(q *Quota) { q.Burst = 1 },
		"daily": func(q *Quota) { q.Daily = 50 },
	} {
		b, rdb := memory(t)
		b.quota = base
		other := base
		change(&other)
		if err := b.claim(t.Context()); err != nil {
			t.Fatal(err)
		}
		var d *DiffersError
		if err := New(rdb, other, Options{}).claim(t.Context()); !errors.As(err, &d) || d.Key != key {
			t.Errorf("%s differs: %v", key, err)
		}
	}
	d := New(nil, base, Options{}).differs("something else", "w9", time.Second)
	if d.Key == "" || d.Theirs == d.Ours {
		t.Errorf("numbers of another version: %+v", d)
	}
}

func TestALeaseFromBeforeTheClockWentBackHoldsNobody(t *testing.T) {
	t.Parallel()
	bubble(t, ten, func(t *testing.T, b *Bucket, rdb *redis.Client) {
		next := ten
		next.Limit = 20
		if err := b.claim(t.Context()); err != nil {
			t.Fatal(err)
		}
		rdb.HIncrBy(t.Context(), b.key, "lease", time.Hour.Microseconds())
		if err := New(rdb, next, Options{}).claim(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestABucketThatRedisLostIsClaimedAgainByWhoWaits(t *testing.T) {
	t.Parallel()
	bubble(t, ten, func(t *testing.T, b *Bucket, rdb *redis.Client) {
		wait(t, b, "p")
		rdb.Del(t.Context(), b.key)
		wait(t, b, "p")
		wait(t, b, "p")
		if s := state(t, b); !s.Held || s.Configured != 10 {
			t.Errorf("after the loss: %+v", s)
		}
	})
}

func TestWhoStandsInLineGoesOnWithTheTakeOver(t *testing.T) {
	t.Parallel()
	bubble(t, ten, func(t *testing.T, old *Bucket, rdb *redis.Client) {
		wait(t, old, "p")
		next := ten
		next.Limit = 20
		young := New(rdb, next, Options{})
		got := make(chan string, 1)
		queue(t, young, got, "p-1", false)
		rdb.HDel(t.Context(), young.key, "lease")
		if err := young.claim(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(110 * time.Millisecond) // past the next token's instant
		if len(got) != 1 {
			t.Error("its handler waits on")
		}
	})
}

func TestRunEndsAtOnceThoughRedisHangs(t *testing.T) {
	t.Parallel()
	rdb := redistest.Client(t, redistest.Real(t))
	b := New(rdb, ten, Options{Worker: "w1"})
	if err := rdb.Do(t.Context(), "CLIENT", "PAUSE", "10000", "ALL").Err(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := b.Run(ctx); err != nil || time.Since(began) > 2*time.Second {
		t.Errorf("it took %v: %v", time.Since(began), err)
	}
}
