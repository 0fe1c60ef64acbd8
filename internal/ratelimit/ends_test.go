package ratelimit

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// The bucket itself is asked when so many calls have left.
func TestTheEndIsForetoldAsTheBucketBringsIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		daily  int
		before int // calls, three hours ago
		calls  int
	}{
		{"without a budget", 0, 0, 100},
		{"what is left today suffices", 20, 6, 14},
		{"the rest goes when the first return", 20, 6, 15},
		{"a part of today is used", 20, 6, 50},
		{"all of today is used", 10, 10, 24},
		{"five days", 8, 0, 40},
		{"five days and one", 8, 0, 41},
		{"a budget that the rate cannot use", 1_000_000, 0, 100},
	} {
		q := Quota{Name: "q", Limit: 0.1, Share: 1, Burst: 1, Daily: c.daily}
		bubble(t, q, func(t *testing.T, b *Bucket, _ *redis.Client) {
			for range max(1, c.before) { // and the bucket has numbers
				wait(t, b, "p")
			}
			time.Sleep(3 * time.Hour)
			s := state(t, b).Under(q)
			want := s.Ends("p", int64(c.calls), time.Time{}).Sub(s.Now)
			began := time.Now()
			for range c.calls {
				wait(t, b, "p")
			}
			if got := time.Since(began); (got - want).Abs() > 30*time.Second {
				t.Errorf("%s: foretold %v, it took %v", c.name, want, got)
			}
		})
	}
}

func TestTheEndBeginsAfterWhatBlocks(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := State{Now: now, Configured: 10, Blocks: []Block{{Pool: "p", Until: now.Add(time.Hour)}}, Allowed: 5}
	for _, c := range []struct {
		pool string
		from time.Time
		want time.Duration
	}{
		{"p", time.Time{}, time.Hour + time.Minute},
		{"p", now.Add(2 * time.Hour), 2*time.Hour + time.Minute},
		{"other", time.Time{}, 2 * time.Minute},
		{"other", now.Add(time.Minute), 3 * time.Minute},
	} {
		if got := s.Ends(c.pool, 600, c.from).Sub(now); got != c.want {
			t.Errorf("%s from %v: %v, want %v", c.pool, c.from, got, c.want)
		}
	}
}

func TestEveryEndIsAnInstant(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, s := range []State{
		{}, {Daily: 1}, {Configured: 1e-9, Allowed: 1e-9}, {Configured: 1e-9, Allowed: 1e-9, Daily: 1},
		{Configured: 1e9, Allowed: 1e9, Daily: 1}, {Configured: 17, Allowed: 17, Daily: math.MaxInt},
	} {
		s.Now = now
		for _, calls := range []int64{0, 1, 1_000_000_000, math.MaxInt64} {
			if end := s.Ends("p", calls, time.Time{}); end.Before(now) {
				t.Errorf("%d calls of %+v end at %v", calls, s, end)
			}
		}
	}
}

func TestABucketThatNobodyHoldsIsAsTheFileHasIt(t *testing.T) {
	t.Parallel()
	q := Quota{Name: "q", Limit: 10, Share: 1, Burst: 1, Daily: 5}
	bubble(t, q, func(t *testing.T, b *Bucket, _ *redis.Client) {
		if s := state(t, b).Under(q); s.Configured != 10 || s.Allowed != 10 || s.Limit != 10 || s.Daily != 5 {
			t.Errorf("one that was never claimed: %+v", s)
		}
		for range 5 {
			wait(t, b, "p")
		}
		more := Quota{Name: "q", Limit: 20, Share: 1, Burst: 1, Daily: 50}
		if s := state(t, b).Under(more); s.Configured != 10 || s.BudgetBack.IsZero() {
			t.Errorf("one that is held: %+v", s)
		}
		time.Sleep(lease)
		if s := state(t, b).Under(more); s.Configured != 20 || s.Allowed != 20 || !s.BudgetBack.IsZero() {
			t.Errorf("one whose lease has ended: %+v", s)
		}
		if err := b.Block(context.Background(), "", time.Hour, "an operator"); err != nil {
			t.Fatal(err)
		}
		if s := state(t, b).Under(more); s.Allowed != 0 {
			t.Errorf("one that is blocked: %+v", s)
		}
	})
}

// Of three days' budgets the last call is the third day's, also when some of
// the tokens are on their way.
func TestATokenThatIsReservedIsNotCountedTwice(t *testing.T) {
	t.Parallel()
	q := Quota{Name: "q", Limit: 10, Share: 1, Burst: 1, Daily: 100}
	bubble(t, q, func(t *testing.T, b *Bucket, _ *redis.Client) {
		for left := int64(300); left > 280; {
			wait(t, b, "p")
			left--
			go func() { _, _ = b.Wait(t.Context(), "p", false) }()
			time.Sleep(50 * time.Millisecond)
			s := state(t, b)
			if end := s.Ends("p", left, time.Time{}).Sub(s.Now); end > 49*time.Hour || s.Reserved != 1 {
				t.Fatalf("of %d calls with %d used and %d reserved the last is after %v", left, s.Used, s.Reserved, end)
			}
			time.Sleep(100 * time.Millisecond)
			left--
		}
	})
}
