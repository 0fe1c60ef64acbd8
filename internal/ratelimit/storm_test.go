package ratelimit

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A quota that answers every call with a throttle is asked at about the floor, and
// to learn so takes a few scripts a call.
func TestWhileEveryCallIsThrottledTheRateStaysAtTheFloor(t *testing.T) {
	t.Parallel()
	bubble(t, hundred, func(t *testing.T, b *Bucket, rdb *redis.Client) {
		scripts := &counter{}
		rdb.AddHook(scripts)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		var mu sync.Mutex
		var calls int
		var all sync.WaitGroup
		handle := func(b *Bucket) {
			for {
				tok, err := b.Wait(ctx, "p", false)
				if err != nil {
					return
				}
				time.Sleep(300 * time.Millisecond)
				mu.Lock()
				calls++
				mu.Unlock()
				if _, err := b.Throttled(context.Background(), tok); err != nil {
					t.Error(err)
				}
			}
		}
		other := New(rdb, hundred, Options{Worker: "w2"})
		for range 16 {
			all.Go(func() { handle(b) })
			all.Go(func() { handle(other) })
		}
		all.Wait()
		if calls < 140 || calls > 250 {
			t.Errorf("%d calls in five minutes, all of them throttled; at half a call a second it is 150", calls)
		}
		if n := int(scripts.n.Load()); n > 4*calls {
			t.Errorf("%d scripts for %d calls", n, calls)
		}
	})
}
