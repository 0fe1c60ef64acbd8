package ratelimit

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"

	"github.com/rekeyhq/rekey/internal/redistest"
)

// waitFunc waits for one token of a worker.
type waitFunc func(context.Context) error

// BenchmarkFleet compares the bucket with what one would write first, for four
// workers of which one has little to do. Each round is three seconds at 400/s.
// used: of the rate; worst: second, of the rate; scripts: for a token.
func BenchmarkFleet(b *testing.B) {
	const perSecond, workers = 400, 4
	q := Quota{Name: "q", Limit: perSecond, Share: 1, Burst: 2}
	b.Run("bucket", func(b *testing.B) {
		compete(b, perSecond, workers, func(rdb *redis.Client) waitFunc {
			bucket := New(rdb, q, Options{})
			return func(ctx context.Context) error { _, err := bucket.Wait(ctx, "p", false); return err }
		})
	})
	b.Run("polling GCRA in Redis", func(b *testing.B) {
		compete(b, perSecond, workers, func(rdb *redis.Client) waitFunc { return polling(rdb, perSecond) })
	})
	b.Run("x-time-rate, a quarter each", func(b *testing.B) {
		compete(b, perSecond, workers, func(*redis.Client) waitFunc { return rate.NewLimiter(perSecond/workers, 2).Wait })
	})
	b.Run("x-time-rate, the whole each", func(b *testing.B) {
		compete(b, perSecond, workers, func(*redis.Client) waitFunc { return rate.NewLimiter(perSecond, 2).Wait })
	})
}

func compete(b *testing.B, perSecond float64, workers int, worker func(*redis.Client) waitFunc) {
	s := redistest.Real(b)
	for b.Loop() {
		calls := &counter{}
		var waits []waitFunc
		for range workers {
			rdb := redistest.Client(b, s)
			rdb.AddHook(calls)
			waits = append(waits, worker(rdb))
		}
		times := race(b, waits)
		b.ReportMetric(used(times, perSecond), "used")
		b.ReportMetric(float64(worst(times))/perSecond, "worst")
		b.ReportMetric(float64(calls.n.Load())/float64(len(times)), "scripts")
	}
}

// race lets 64 handlers of each worker wait for three seconds; the first worker
// has one handler that rests between its calls.
func race(b *testing.B, waits []waitFunc) []time.Time {
	ctx, cancel := context.WithTimeout(b.Context(), 3*time.Second)
	defer cancel()
	var mu sync.Mutex
	var times []time.Time
	var all sync.WaitGroup
	handle := func(wait waitFunc, rest time.Duration) {
		for wait(ctx) == nil {
			mu.Lock()
			times = append(times, time.Now())
			mu.Unlock()
			sleep(ctx, rest)
		}
	}
	all.Go(func() { handle(waits[0], 100*time.Millisecond) })
	for _, wait := range waits[1:] {
		for range 64 {
			all.Go(func() { handle(wait, 0) })
		}
	}
	all.Wait()
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// polling asks for a token, and when there is none asks again after the time
// that the script named, like the libraries do.
func polling(rdb *redis.Client, perSecond float64) waitFunc {
	script := redis.NewScript(`
		local t = redis.call('TIME')
		local now, step = t[1] * 1000000 + t[2], 1000000 / tonumber(ARGV[1])
		local tat = math.max(now, tonumber(redis.call('GET', KEYS[1]) or now))
		if tat - step > now then return math.ceil(tat - step - now) end
		redis.call('SET', KEYS[1], string.format('%.0f', tat + step))
		return 0`)
	return func(ctx context.Context) error {
		for {
			left, err := script.Run(ctx, rdb, []string{"gcra"}, perSecond).Int64()
			if err != nil || left == 0 {
				return err
			}
			if !sleep(ctx, micros(left)) {
				return ctx.Err()
			}
		}
	}
}
