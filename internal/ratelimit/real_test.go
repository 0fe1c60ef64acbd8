package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/redistest"
)

// use is what some workers did with their tokens.
type use struct {
	left    []time.Time // when Wait returned
	instant []time.Time // what the tokens were for, on Redis's clock
	late    int         // tokens that were over when Wait returned
	scripts int
}

// fleet lets workers, each with a client of its own, wait with some handlers
// each until the time is over.
func fleet(t testing.TB, s *embedredis.Server, q Quota, workers int, d time.Duration) use {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var mu sync.Mutex
	var u use
	var all sync.WaitGroup
	calls := &counter{}
	for i := range workers {
		rdb := redistest.Client(t, s)
		rdb.AddHook(calls)
		b := New(rdb, q, Options{Worker: fmt.Sprint("w", i)})
		for range 64 {
			all.Go(func() {
				for {
					tok, err := b.Wait(ctx, "p", false)
					now := time.Now()
					if err != nil {
						return
					}
					mu.Lock()
					u.left, u.instant = append(u.left, now), append(u.instant, tok.Server)
					if now.After(tok.NotAfter()) {
						u.late++
					}
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	u.scripts = int(calls.n.Load())
	slices.SortFunc(u.left, time.Time.Compare)
	slices.SortFunc(u.instant, time.Time.Compare)
	return u
}

// worst is the most that any second holds.
func worst(times []time.Time) int {
	most, from := 0, 0
	for i := range times {
		for times[i].Sub(times[from]) >= time.Second {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

func used(times []time.Time, rate float64) float64 {
	return float64(len(times)-1) / times[len(times)-1].Sub(times[0]).Seconds() / rate
}

func TestTheRateIsUsedAndNoSecondHoldsMore(t *testing.T) {
	for _, row := range []struct {
		rate    float64
		workers int
	}{{30, 4}, {400, 1}, {2000, 4}} {
		t.Run(fmt.Sprintf("%v by %d", row.rate, row.workers), func(t *testing.T) {
			q := Quota{Name: "q", Limit: row.rate, Share: 1, Burst: 2}
			// A machine that stands still for 50 ms breaks the promise without the
			// bucket's doing: what depends on the machine may be measured again.
			for left := 3; left > 0; left-- {
				err := measure(t, fleet(t, redistest.Real(t), q, row.workers, 2500*time.Millisecond), q, row.workers)
				if err == nil {
					return
				}
				t.Log(err)
			}
			t.Error("three times in a row")
		})
	}
}

// measure returns what the machine may have caused, and fails for the rest.
func measure(t *testing.T, u use, q Quota, workers int) error {
	rate, burst, n := q.Rate(), float64(q.Burst), len(u.left)
	share, granted, left := used(u.instant, rate), worst(u.instant), worst(u.left)
	t.Logf("%d tokens, %.2f %% of the rate; the worst second: %d granted, %d left; %.2f scripts a token",
		n, 100*share, granted, left, float64(u.scripts)/float64(n))
	if float64(granted) > rate+burst {
		t.Errorf("a second holds %d tokens, the bucket's limit is %v", granted, rate+burst)
	}
	if u.scripts > n+10*workers {
		t.Errorf("%d scripts for %d tokens", u.scripts, n)
	}
	if limit := 1.05*rate + burst; share < 0.99 || float64(left) > limit || u.late > 0 {
		return fmt.Errorf("%.2f %% of the rate used; in a second %d left, the promise is %v; %d were late", 100*share, left, limit, u.late)
	}
	return nil
}

func TestWithoutRedisNobodyGetsATokenAndAfterwardsTheyGoOn(t *testing.T) {
	s := redistest.Real(t, "--appendonly", "yes", "--appendfsync", "always")
	b := New(redistest.Client(t, s), Quota{Name: "q", Limit: 100, Share: 1, Burst: 2}, Options{})
	wait(t, b, "p")
	s.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if tok, err := b.Wait(ctx, "p", false); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("without Redis: %v, %v", tok, err)
			}
		})
	}
	back := make(chan time.Time, 1)
	all.Go(func() {
		_ = wait(t, b, "p")
		back <- time.Now()
	})
	<-ctx.Done()
	if len(back) > 0 {
		t.Error("a token came without Redis")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	up := time.Now()
	all.Wait()
	if d := (<-back).Sub(up); d > 4*time.Second {
		t.Errorf("the waiter went on %v after Redis was back", d)
	}
	if st := state(t, b); st.Configured != 100 {
		t.Errorf("after the restart: %+v", st)
	}
}

func TestWithRedisFullEveryoneWaits(t *testing.T) {
	s := redistest.Real(t)
	rdb := redistest.Client(t, s)
	b := New(rdb, Quota{Name: "q", Limit: 100, Share: 1, Burst: 2}, Options{})
	wait(t, b, "p")
	rdb.ConfigSet(t.Context(), "maxmemory", "1")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	for range 2 {
		if tok, err := b.Wait(ctx, "p", false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with Redis full: %v, %v", tok, err)
		}
	}
	rdb.ConfigSet(t.Context(), "maxmemory", "0")
	wait(t, b, "p")
}

// Twenty heads at one a second: nobody reserves further ahead than eight
// seconds, and the rate is what it should be all the same.
func TestMoreWorkersThanReservationsKeepTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rdb, _ := redistest.Memory(t)
		q := Quota{Name: "q", Limit: 1, Share: 1, Burst: 1}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var mu sync.Mutex
		var times []time.Time
		var all sync.WaitGroup
		for i := range 20 {
			b := New(rdb, q, Options{Worker: fmt.Sprint(i)})
			all.Go(func() {
				for {
					tok, err := b.Wait(ctx, "p", false)
					if err != nil {
						return
					}
					mu.Lock()
					times = append(times, time.Now())
					if d := tok.Server.Sub(tok.taken); d > 8*time.Second {
						t.Errorf("reserved %v ahead", d)
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if n := len(times); n < 60 || n > 61 || worst(times) > 2 {
			t.Errorf("%d tokens in a minute, %d in the worst second", n, worst(times))
		}
	})
}

// slowConn answers each read after a delay: a round trip of that length.
type slowConn struct {
	net.Conn
	delay *atomic.Int64
}

func (c slowConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	time.Sleep(time.Duration(c.delay.Load()))
	return n, err
}

// slow returns a bucket whose round trips take as long as delay says.
func slow(t *testing.T, q Quota, delay *atomic.Int64) *Bucket {
	quick, _ := redistest.Memory(t)
	o := *quick.Options()
	dial := o.Dialer
	o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		return slowConn{c, delay}, err
	}
	rdb := redis.NewClient(&o)
	t.Cleanup(func() { _ = rdb.Close() })
	return New(rdb, q, Options{Worker: "slow"})
}

func TestATokenIsNeverEarlyAndItsAgeCountsTheRoundTrip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const delay = 200 * time.Millisecond
		var trip atomic.Int64
		trip.Store(int64(delay))
		b := slow(t, ten, &trip)
		for range 10 {
			tok := wait(t, b, "p")
			if d := time.Since(tok.Server); d < 0 {
				t.Errorf("a token came %v before its instant", -d)
			}
			if d := time.Until(tok.NotAfter()); d > Life-delay {
				t.Errorf("after a round trip of %v the token has %v left", delay, d)
			}
		}
	})
}

func TestARoundTripOfTwentyMillisecondsCostsNothingOfTheRate(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []float64{17, 400} {
		synctest.Test(t, func(t *testing.T) {
			var delay atomic.Int64
			delay.Store(int64(20 * time.Millisecond))
			b := slow(t, Quota{Name: "q", Limit: perSecond, Share: 1, Burst: 2}, &delay)
			times := drain(t, b, "p", 5*time.Second, 64)
			time.Sleep(time.Second) // for the last round trip
			if u := used(times, perSecond); u < 0.99 || float64(worst(times)) > 1.05*perSecond+2 {
				t.Errorf("%v/s: %.1f %% used, the worst second holds %d", perSecond, 100*u, worst(times))
			}
		})
	}
}

func TestAReplyThatTakesLongerThanATokenLivesGivesNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var delay atomic.Int64
		b := slow(t, Quota{Name: "q", Limit: 100, Share: 1, Burst: 1}, &delay)
		wait(t, b, "p")
		delay.Store(int64(300 * time.Millisecond)) // a slow Redis, or a process that slept
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := b.Wait(ctx, "p", false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an old token was handed out: %v", err)
		}
		delay.Store(0)
		wait(t, b, "p")
		wait(t, b, "p")
		if s := state(t, b); s.LimitedBy("p") != "redis" {
			t.Errorf("limited by %s, want redis: %+v", s.LimitedBy("p"), s)
		}
	})
}
