package ratelimit

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A throttle out of the blue teaches nothing but that the rate is too high.
func TestAfterAThrottleTheRateDipsKeepsALevelAndLooksForMore(t *testing.T) {
	t.Parallel()
	bubble(t, hundred, func(t *testing.T, b *Bucket, _ *redis.Client) {
		if _, err := b.Throttled(t.Context(), wait(t, b, "p")); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for _, want := range []struct{ after, rate float64 }{
			{0, 6.5}, {0.9, 6.5}, {1, 65}, {5.9, 65}, {7, 66.4}, {8.5, 73.75}, {10, 87.4}, {11, 100}, {60, 100},
		} {
			time.Sleep(time.Until(began.Add(time.Duration(want.after * 1e9))))
			if got := state(t, b); !about(got.Allowed, want.rate) || got.Configured != 100 || got.Throttled != (want.rate < 100) {
				t.Errorf("%v s after the cut: %v, want %v; %+v", want.after, got.Allowed, want.rate, got)
			}
		}
	})
}

func TestTokensFollowTheCurve(t *testing.T) {
	t.Parallel()
	bubble(t, hundred, func(t *testing.T, b *Bucket, _ *redis.Client) {
		if _, err := b.Throttled(t.Context(), wait(t, b, "p")); err != nil {
			t.Fatal(err)
		}
		began, n := time.Now(), [12]float64{}
		for _, at := range drain(t, b, "p", 12*time.Second, 30) {
			n[int(at.Sub(began).Seconds())]++
		}
		for i, want := range [12]float64{6.5, 65, 65, 65, 65, 65, 65.5, 68.3, 73.9, 82.3, 93.5, 100} {
			if math.Abs(n[i]-want) > 2 {
				t.Errorf("%v in second %d after the cut, the curve says %v", n[i], i, want)
			}
		}
	})
}

// At both throttles the quota's own bucket was empty: what was used between them
// is what others leave.
func TestTheNextLevelIsWhatWasUsedBetweenTwoThrottles(t *testing.T) {
	t.Parallel()
	bubble(t, hundred, func(t *testing.T, b *Bucket, _ *redis.Client) {
		throttled := func(level float64) {
			t.Helper()
			if cut, err := b.Throttled(t.Context(), wait(t, b, "p")); !cut || err != nil {
				t.Fatalf("cut %v, %v", cut, err)
			}
			s, fields := look(t, b)
			if got, _ := strconv.ParseFloat(fields["level"], 64); math.Abs(got-level) > 0.03*level {
				t.Errorf("the level is %v, want %v; %+v", got, level, s)
			}
		}
		throttled(65)
		n := len(drain(t, b, "p", 8*time.Second, 30))
		throttled(0.8 * float64(n+1) / 8)
		drain(t, b, "p", 1500*time.Millisecond, 30)
		throttled(0.8 * float64(n+1) / 8 / 2) // at once again: far too high
		time.Sleep(12 * time.Second)
		throttled(65) // at the configured rate again
	})
}

func TestABucketOfAnOlderVersionStartsAtTheConfiguredRate(t *testing.T) {
	t.Parallel()
	bubble(t, hundred, func(t *testing.T, b *Bucket, rdb *redis.Client) {
		wait(t, b, "p")
		rdb.HDel(t.Context(), b.key, "sent")
		rdb.HSet(t.Context(), b.key, "from", time.Now().UnixMicro(), "low", "0.5", "top", "70", "why", "throttled")
		if s := state(t, b); s.Allowed != 100 || s.Throttled {
			t.Errorf("before a throttle: %+v", s)
		}
		time.Sleep(time.Millisecond)
		if cut, err := b.Throttled(t.Context(), wait(t, b, "p")); !cut || err != nil {
			t.Fatalf("cut %v, %v", cut, err)
		}
		if s := state(t, b); !about(s.Allowed, 6.5) || !s.Throttled {
			t.Errorf("after a throttle: %+v", s)
		}
	})
}
