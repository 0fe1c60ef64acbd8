package ratelimit

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestTheDaysBudgetIsSpentOnceInAnyTwentyFourHours(t *testing.T) {
	t.Parallel()
	q := Quota{Name: "q", Limit: 1, Share: 1, Burst: 1, Daily: 50}
	bubble(t, q, func(t *testing.T, b *Bucket, _ *redis.Client) {
		times := drain(t, b, "p", 30*time.Second, 5) // some of it
		time.Sleep(6 * time.Hour)
		times = append(times, drain(t, b, "p", 30*time.Minute, 5)...) // the rest
		if s := state(t, b); len(times) < 48 || s.Used != 50 || s.Allowed != 0 || !strings.HasPrefix(s.LimitedBy("p"), "budget until ") {
			t.Fatalf("%d tokens, %+v", len(times), s)
		}
		times = append(times, drain(t, b, "p", 40*time.Hour, 5)...)
		for i := 50; i < len(times); i++ {
			if d := times[i].Sub(times[i-50]); d < 24*time.Hour {
				t.Fatalf("token %d came %v after the one fifty before", i, d)
			}
		}
		if n := len(times); n < 96 || n > 100 { // a drain's last reservation is nobody's
			t.Errorf("%d tokens in 46 h, want 100", n)
		}
		if s := state(t, b); s.Used != 50 {
			t.Errorf("used %d of the last 24 h", s.Used)
		}
	})
}

func TestAnIdleDayReturnsTheWholeBudget(t *testing.T) {
	t.Parallel()
	q := Quota{Name: "q", Limit: 10, Share: 1, Burst: 1, Daily: 5}
	bubble(t, q, func(t *testing.T, b *Bucket, _ *redis.Client) {
		for range 5 {
			wait(t, b, "p")
		}
		time.Sleep(40 * time.Hour)
		if s := state(t, b); s.Used != 0 || s.Allowed != 10 {
			t.Errorf("after an idle day: %+v", s)
		}
		began := time.Now()
		for range 5 {
			wait(t, b, "p")
		}
		if d := time.Since(began); d > time.Second {
			t.Errorf("the next day's five took %v", d)
		}
	})
}

func TestTheMeasuredRateIsThatOfTheLastMinute(t *testing.T) {
	t.Parallel()
	bubble(t, ten, func(t *testing.T, b *Bucket, _ *redis.Client) {
		if s := state(t, b); s.Measured != 0 || s.Held || s.Configured != 0 {
			t.Errorf("a bucket that nobody has claimed: %+v", s)
		}
		drain(t, b, "p", 5*time.Second, 5)
		if s := state(t, b); math.Abs(s.Measured-10) > 2 || s.Limit != 10 || !s.Held || s.By != "w1" {
			t.Errorf("after five seconds: %+v", s)
		}
		drain(t, b, "p", 65*time.Second, 5)
		if s := state(t, b); math.Abs(s.Measured-10) > 0.2 {
			t.Errorf("after a minute: %v", s.Measured)
		}
		time.Sleep(30 * time.Second)
		if s := state(t, b); math.Abs(s.Measured-5) > 0.5 {
			t.Errorf("half a minute later: %v", s.Measured)
		}
		time.Sleep(time.Minute)
		if s := state(t, b); s.Measured != 0 || s.Held {
			t.Errorf("a minute and a half later: %+v", s)
		}
	})
}

func TestWhoGivesUpMoreThanOneInTenSaysWhy(t *testing.T) {
	t.Parallel()
	for why, name := range map[GiveUpReason]string{ByRedis: "redis", ByConnection: "connection"} {
		bubble(t, ten, func(t *testing.T, b *Bucket, _ *redis.Client) {
			for i := range 40 {
				tok := wait(t, b, "p")
				if i%10 == 0 {
					b.GiveUp(tok, why)
				}
			}
			wait(t, b, "p")
			if s := state(t, b); s.LimitedBy("p") != "quota q" || s.GaveUp[why] != 4 {
				t.Errorf("one in ten: %s, %+v", s.LimitedBy("p"), s)
			}
			b.GiveUp(wait(t, b, "p"), why)
			b.GiveUp(wait(t, b, "p"), why)
			wait(t, b, "p")
			if s := state(t, b); s.LimitedBy("p") != name {
				t.Errorf("more than one in ten: %s, %+v", s.LimitedBy("p"), s)
			}
		})
	}
}

func TestAStatisticThatCannotBeReadStopsNothingAndIsOverwritten(t *testing.T) {
	t.Parallel()
	bubble(t, ten, func(t *testing.T, b *Bucket, rdb *redis.Client) {
		wait(t, b, "p")
		for k := range 61 {
			rdb.HSet(t.Context(), b.key, "m:"+strconv.Itoa(k), "junk")
		}
		if s := state(t, b); s.Allowed != 10 || s.Taken != 0 {
			t.Errorf("%+v", s)
		}
		drain(t, b, "p", 65*time.Second, 5)
		if s := state(t, b); math.Abs(s.Measured-10) > 0.2 {
			t.Errorf("a minute later: %v measured", s.Measured)
		}
	})
}

func TestALimitThatCannotBeReadStopsAllAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"d:7", "rate", "level", "slowed", "block", "block:p", "day"} {
		bubble(t, ten, func(t *testing.T, b *Bucket, rdb *redis.Client) {
			wait(t, b, "p")
			rdb.HSet(t.Context(), b.key, "day", time.Now().UnixMicro()/slot.Microseconds(), field, "junk")
			_, err := b.State(t.Context())
			if field == "d:7" { // one of the last 24 hours, whatever the time is
				field = "d:"
			}
			if err == nil || !strings.Contains(err.Error(), "HDEL "+b.key+" "+field) {
				t.Errorf("%s: %v", field, err)
			}
		})
	}
}
