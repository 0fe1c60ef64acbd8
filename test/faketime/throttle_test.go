package faketime

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/ratelimit"
)

const (
	// Every answer takes from 0.2 to 0.6 s. A gust that is over before the first
	// of its answers comes is one congestion, however many calls it hit.
	answersTake = 400 * time.Millisecond
	gust        = 190 * time.Millisecond
	// usual is what a quota of 30 leaves for rekey.
	usual = 30 * 0.8 / 1.4
)

// day is how many users and gusts there are, and how long the one is that does
// not end.
func day() (users, gusts int, storm time.Duration) {
	if underRace {
		return 900, 3, 2 * time.Minute
	}
	return 3000, 10, 20 * time.Minute
}

func TestAThrottledDayUsesWhatIsAllowedAndCostsNoRowAnAttempt(t *testing.T) {
	users, gusts, storm := day()
	sim := cognitosim.Options{Users: cognitosim.Users{N: users}, Latency: answersTake}
	inBubble(t, setup{rate: usual, sim: sim}, func(t *testing.T, r *rig) {
		r.worker()
		r.worker()
		r.run("breach", 0, users)
		r.await("a call", time.Minute, func() bool { return r.sim.Calls() > 0 })
		r.wantAllUsed(func() {
			for range gusts {
				r.oneGust()
			}
		})
		r.wantAllUsed(func() { r.oneStorm(storm) })
		if c := r.campaign("breach"); c.Counts.Planned == 0 {
			t.Fatalf("there was nobody left to call: %+v", c.Counts)
		}
		r.awaitDone("breach", 20*time.Minute)
		r.wantNoAttemptLost("breach")
	})
}

// wantAllUsed: at least 99 % of what the bucket allows while rows are due.
func (r *rig) wantAllUsed(during func()) {
	r.t.Helper()
	began, allowed := time.Now(), r.integrate()
	during()
	whole, calls := allowed(), len(r.between(began, time.Now()))
	if used := float64(calls) / whole; used < 0.99 {
		r.t.Errorf("%d calls in %v, %.1f%% of what was allowed", calls, time.Since(began), 100*used)
	}
}

// oneGust throttles a handful of calls that are under way together: the rate
// is cut once, and returns by itself.
func (r *rig) oneGust() {
	r.t.Helper()
	time.Sleep(4 * time.Second)
	calls, cuts := r.sim.Calls(), r.cuts()
	r.sim.SetFaults(cognitosim.Fault{Answer: "TooManyRequests"})
	time.Sleep(gust)
	r.sim.SetFaults()
	hit := r.sim.Calls() - calls
	time.Sleep(time.Second) // all of them are answered
	if cut := r.cuts() - cuts; hit < 2 || cut != 1 {
		r.t.Errorf("%d throttled calls cut the rate %d times", hit, cut)
	}
	r.wantTheRateBack()
}

// oneStorm throttles every call. The rate is at its floor, or coming back from
// there: it costs few calls to learn that it goes on.
func (r *rig) oneStorm(length time.Duration) {
	r.t.Helper()
	r.sim.SetFaults(cognitosim.Fault{Answer: "TooManyRequests"})
	time.Sleep(time.Minute)
	calls := r.callsIn(length - time.Minute)
	r.sim.SetFaults()
	if a := float64(calls) / (length - time.Minute).Seconds(); a > r.quota.Rate()/4 {
		r.t.Errorf("%.1f calls a second while all were throttled", a)
	}
	time.Sleep(time.Second)
	r.wantTheRateBack()
}

func (r *rig) wantTheRateBack() {
	r.t.Helper()
	time.Sleep(11 * time.Second)
	if s := r.bucket(); s.Allowed != s.Configured {
		r.t.Errorf("eleven seconds after the last throttle the rate is %v of %v", s.Allowed, s.Configured)
	}
}

func (r *rig) cuts() int { return strings.Count(r.log.tail(math.MaxInt), "the rate is cut") }

// integrate adds up what the bucket allows, from now until it is asked.
func (r *rig) integrate() (sum func() float64) {
	const step = 50 * time.Millisecond
	stop, total := make(chan struct{}), make(chan float64)
	go func() {
		calls, last := 0.0, r.allowed()
		for {
			select {
			case <-stop:
				total <- calls
				return
			case <-time.After(step):
				now := r.allowed()
				calls += (last + now) / 2 * step.Seconds()
				last = now
			}
		}
	}()
	return func() float64 { close(stop); return <-total }
}

// allowed is the curve of the bucket's script.
func (r *rig) allowed() float64 {
	field := func(name string) float64 {
		f, _ := strconv.ParseFloat(r.memory.HGet(ratelimit.Key(quota), name), 64) // absent: 0
		return f
	}
	rate, slowed, level := field("rate"), field("slowed"), field("level")
	s := float64(time.Now().UnixMicro())/1e6 - slowed/1e6
	switch {
	case slowed == 0 || s >= 11:
		return rate
	case s < 1:
		return max(0.5, level/10)
	}
	return level + (rate-level)*math.Pow(max(0, s-6)/5, 2)
}
